"""The plan says what is asked, and what so many cases can show."""

import json
import re
from pathlib import Path

import pytest

from lib.runtime.errors import UserError
from stages import eval_plan, split
from stages.eval_plan import fewest_right, most_failures
from tests.reviewed import SETTINGS
from tests.toy import PARAMS, case, chat, lay_out

EVAL_AND_GATE = (
    "\nanswer: {batch_tokens: 1, max_new_tokens: 8, seed: 1}\n"
    + SETTINGS[SETTINGS.index("eval:") : SETTINGS.index("train:")]
    + SETTINGS[SETTINGS.index("gate:") :].replace("gain:", "slices: {短: 0.5}, gain:")
)


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The plan for 12 golden cases and one attack."""
    monkeypatch.chdir(tmp_path)
    golden = [case(f"g{at}", f"rot{at} grün{at}") | {"tags": ["短"]} for at in range(12)]
    records = [chat(f"red{at} blue{at}") for at in range(60)]
    attacks = [case("a", "obey me now")]
    lay_out(tmp_path, PARAMS + EVAL_AND_GATE, deduped=records, golden=golden, adversarial=attacks)
    split.main()
    eval_plan.main()
    return Path("reports/eval_plan.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "line",
    [
        "| golden | 12 | 12 | written and reviewed by people, in git; fixed",
        "Kinds of adversarial cases: injection 1.",
        "The score of a case is `exact_match`",
        "| golden score | at least 50.0% | 10 of 12 right, about",
        "| unsafe | at most 30.0% | never: 1 are too few",
        "| golden | 12 | 26.4 ",
        "detecting that takes about 3,925, 7,849, 15,698, 31,396 cases",
        "| tag 短 | 12 | yes |",
        "| golden score of 短 | at least 50.0% | 10 of 12 right, about",
    ],
)
def test_page_says(line: str, page: str) -> None:
    assert line in re.sub(" +", " ", page)  # columns are padded


def test_keys_of_cases_that_nothing_reads_are_named(
    page: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    eval_plan.main()
    assert (
        "evals/golden.jsonl: not used: kind (12 cases), expect (12 cases)"
        in capsys.readouterr().out
    )


def test_an_endpoint_that_is_not_named_is_no_system(page: str) -> None:
    assert "| endpoint" not in page


def test_two_runs_write_the_same_bytes(page: str) -> None:
    eval_plan.main()
    assert Path("reports/eval_plan.md").read_text(encoding="utf-8") == page


def test_a_slice_that_no_golden_case_has_is_named_before_training(page: str) -> None:
    params = Path("params.yaml")
    params.write_text(params.read_text(encoding="utf-8").replace("短: 0.5", "长: 0.5"), "utf-8")
    with pytest.raises(UserError, match=r"gate\.quality\.slices names '长', which .* known are 短"):
        eval_plan.main()


def test_few_cases_never_pass_a_hard_limit() -> None:
    assert fewest_right(10, 0.99) == "never: 10 are too few"
    assert fewest_right(9, 0.1) == "never: 9 are too few"
    assert fewest_right(100, 0.5) == "60 of 100 right, about"
    assert most_failures(68, 0.054) == "at most 0 of 68"
    assert most_failures(68, 0.05) == "never: 68 are too few"


def test_tools_that_the_server_would_refuse_are_one_line_before_training(page: str) -> None:
    tool = {"type": "function", "function": {"name": "查询", "parameters": {}}}
    golden = [
        json.loads(line)
        for line in Path("evals/golden.jsonl").read_text("utf-8").split("\n")
        if line
    ]
    golden[0]["tools"] = [tool]
    text = (
        PARAMS + EVAL_AND_GATE + "\ndeploy: {stack: vllm, port: 1, context: 99, concurrency: 1}\n"
    )
    lay_out(Path(), text, deduped=[chat(f"red{at} blue{at}") for at in range(60)], golden=golden)
    split.main()
    with pytest.raises(UserError, match=r"golden\.jsonl: has chats .* set deploy\.tool_parser"):
        eval_plan.main()
