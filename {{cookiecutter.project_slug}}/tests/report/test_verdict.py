"""Whether fine-tuning is worth it, said plainly."""

from typing import Any

import pytest

from lib.evaluate.predictions import Prediction
from lib.report.verdict import serving_of, verdict_page
from tests.reviewed import GATE, PARAMS, answers

LOAD = {"e2e_ms_p50": 100.0, "ttft_ms_p50": 20.0, "tpot_ms_p50": 4.0, "requests_per_s": 10.0}
BENCH: dict[str, Any] = {"tuned": {"bytes": 8, "concurrency_4": LOAD}}


def page(**golden: str) -> str:
    """The page for the golden answers of some systems."""
    systems = {name: answers(marks) for name, marks in golden.items()}
    return "\n".join(verdict_page(systems, BENCH, GATE, PARAMS))


@pytest.mark.parametrize(
    ("few_shot", "tuned", "said"),
    [
        (
            "+" + "-" * 39,
            "+" * 40,
            "**Fine-tuning is worth it**: at least 20 points better than `few_shot`,",
        ),
        (
            "-" * 8 + "+" * 32,
            "+" * 40,
            "**Fine-tuning helps**, but a gain of 20 points",
        ),
        (
            "+" * 40,
            "+" * 40,
            "**Prompting is enough**: the tuned model is not better than `few_shot`.",
        ),
        ("+" * 40, "-" * 40, "**Prompting is enough**"),
        ("-" * 40, "-" * 40, "**Nothing works**"),
        (
            "--" + "+" * 38,
            "+" * 40,
            "**Not shown**: 40 golden cases do not distinguish the tuned model from",
        ),
    ],
)
def test_the_decision(few_shot: str, tuned: str, said: str) -> None:
    assert said in page(base="-" * 40, few_shot=few_shot, tuned=tuned)


def test_the_best_of_prompting_is_the_rival() -> None:
    assert "Tuned against `base`, the best of base, few_shot:" in page(
        base="++-", few_shot="+--", tuned="+++"
    )


def test_a_prompted_system_without_answers_is_named_in_the_verdict() -> None:
    verdict = page(base="-" * 40, tuned="+" * 40).splitlines()[2]
    assert verdict.startswith("**Fine-tuning is worth it**")
    assert verdict.endswith(" Not compared with few_shot and retrieval, which have no answers.")
    marks = dict.fromkeys(("base", "few_shot", "retrieval"), "-" * 40)
    assert "Not compared" not in page(**marks, tuned="+" * 40)


def test_the_gain_has_its_interval() -> None:
    assert "- golden: +25.0 points (95 % interval +10.1 to +37.5" in page(
        base="-" * 10 + "+" * 30, tuned="+" * 40
    )


def test_without_a_prompted_system_nothing_is_said() -> None:
    assert "no golden cases that both a prompted system" in page(tuned="+++")


def counted(tokens_in: int, tokens_out: int) -> list[Prediction]:
    return [row | {"input_tokens": tokens_in, "output_tokens": tokens_out} for row in answers("++")]


def test_a_longer_prompt_costs_its_first_token() -> None:
    systems = {"few_shot": counted(300, 20), "tuned": counted(100, 20)}
    shown = [serving_of(name, systems, BENCH, GATE) for name in ("tuned", "few_shot")]
    assert [one.latency_ms for one in shown if one] == pytest.approx([100.0, 140.0])
    assert [one.cost * 36 for one in shown if one] == pytest.approx([1.0, 1.4])
    assert [one.measured for one in shown if one] == [True, False]


def test_what_nothing_tells_is_not_known() -> None:
    systems = {"base": answers("+"), "tuned": answers("+")}
    assert serving_of("base", systems, BENCH, GATE) is None  # tokens were not counted
    assert serving_of("endpoint", systems, BENCH, GATE) is None
    assert serving_of("tuned", systems, {}, GATE) is None
