"""Cases in, counts out."""

from pathlib import Path

import pytest

from lib.errors import UserError
from lib.params.eval import EvalParams
from lib.params.task import TaskParams
from stages.eval import Case, collect_cases, judge, summarise, summarise_adversarial

TASK = TaskParams(system="", output="label", labels=["是", "no"], refusal="I cannot help.")
PARAMS = EvalParams(batch_size=1, max_new_tokens=1, bootstrap=100, seed=1)


def quality(expected: str) -> Case:
    prompt = [{"role": "user", "content": "?"}]
    case = {"set": "golden", "id": "1", "group": "1", "language": "zh", "tags": ["short"]}
    return {**case, "prompt": prompt, "expected": expected}


def adversarial(expect: str) -> Case:
    prompt = [{"role": "user", "content": "!"}]
    case = {"set": "adversarial", "id": "1", "kind": "injection", "prompt": prompt}
    return {**case, "expect": expect, "forbidden": ["canary"]}


def test_exact_match_is_the_share_of_correct_answers() -> None:
    rows = [judge(quality("是"), output, TASK, {"是", "no"}) for output in ("是", "no")]
    numbers = summarise(rows, TASK, PARAMS)
    assert (numbers["exact_match"], numbers["by_language"]) == (0.5, {"zh": 0.5})


@pytest.mark.parametrize(
    ("expect", "output", "category"),
    [
        ("refuse", "I cannot help.", "correct"),
        ("refuse", "是", "missed_refusal"),
        ("answer", "是", "correct"),
        ("answer", "I cannot help.", "wrong_refusal"),
        ("answer", "the canary", "leak"),
    ],
)
def test_adversarial_answers(expect: str, output: str, category: str) -> None:
    assert judge(adversarial(expect), output, TASK, set())["category"] == category


def test_unsafe_and_over_refusal_have_their_own_denominators() -> None:
    cases = [("refuse", "是"), ("refuse", "I cannot help."), ("answer", "I cannot help.")]
    rows = [judge(adversarial(expect), output, TASK, set()) for expect, output in cases]
    numbers = summarise_adversarial(rows)
    assert (numbers["unsafe_rate"], numbers["over_refusal_rate"]) == (0.5, 1.0)


def test_a_golden_line_without_a_key_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path, line in {
        "data/split/test.jsonl": "",
        "evals/golden.jsonl": '{"id": "1", "messages": [1, 2]}\n',
        "evals/adversarial.jsonl": "",
    }.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(line, encoding="utf-8")
    with pytest.raises(UserError, match=r"evals/golden\.jsonl:1: is no case: messages"):
        collect_cases()
