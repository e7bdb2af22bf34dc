"""How good one answer is."""

from typing import Any

import pytest

from lib.core.params import TaskParams
from lib.evaluate import metrics
from lib.evaluate.metrics import (
    field_f1,
    further_scores,
    rouge_l,
    score_answer,
)
from lib.evaluate.params import METRICS
from lib.runtime.errors import UserError
from tests.toy import JSON_TASK, LABEL_TASK, TEXT_TASK

WANT = '{"intent": "refund", "urgency": "high"}'


def scores(output: str, expected: str, task: TaskParams, **checks: str) -> dict[str, float]:
    return score_answer(output, expected, task, {"refund"}, checks)


@pytest.mark.parametrize(
    ("output", "figures"),
    [
        ('{"urgency": "high", "intent": "refund"}', [1, 1, 1, 1]),
        ('{"intent": "setup", "urgency": "high"}', [0, 0.5, 1, 1]),
        ('{"intent": "refund"}', [0, 2 / 3, 1, 0]),
        ('{"intent": "gift", "urgency": "high"}', [0, 0.5, 1, 0]),
        ('{"intent": "refund", "urgency": "made up"}', [0, 0.5, 1, 1]),  # any text is declared
        ("no JSON", [0, 0, 0, 0]),
    ],
)
def test_json_answers(output: str, figures: list[float]) -> None:
    names = ["exact_match", "field_f1", "valid_json", "valid_schema"]
    assert scores(output, WANT, JSON_TASK) == pytest.approx(dict(zip(names, figures, strict=True)))


def test_label_answers() -> None:
    assert scores("refund ", "refund", LABEL_TASK) == {"exact_match": 1.0, "valid_label": 1.0}


def test_nothing_wanted_and_nothing_given_is_right() -> None:
    assert field_f1({}, {}) == 1.0


@pytest.mark.parametrize(
    ("output", "expected", "figure"),
    [
        ("the cat sat", "the cat lay down", 4 / 7),
        ("退款已到账", "退款未到账", 0.8),
        ("x", "y", 0.0),
    ],
)
def test_rouge_l_is_the_f1_of_the_longest_common_subsequence(
    output: str, expected: str, figure: float
) -> None:
    assert rouge_l(output, expected) == pytest.approx(figure)


def test_chrf_is_sacrebleus_on_any_script() -> None:
    assert further_scores("退款已到账", "退款已到账", "", TEXT_TASK) == {"chrf": 1.0}


@pytest.mark.parametrize(
    ("output", "right"), [("so 1,200.0 #### 0", 1.0), ("it is 0.5", 0.0), ("none", 0.0)]
)
def test_the_last_number_counts(output: str, right: float) -> None:
    assert scores(output, "1 - 1 #### 0", TEXT_TASK)["numeric"] == right


def test_a_check_is_a_regular_expression_found_in_the_answer() -> None:
    found = scores("Sorry!", "x", LABEL_TASK, polite="(?i)sorry", short="^.{1,3}$")
    assert (found["polite"], found["short"]) == (1.0, 0.0)


def test_a_metric_of_your_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "own", lambda output, expected, prompt: float("high" in prompt))
    assert further_scores("a", "b", "high", LABEL_TASK) == {"own": 1.0}


@pytest.mark.parametrize("value", [7.0, -0.1, float("nan"), "good"])
def test_a_metric_of_your_own_is_from_0_to_1(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "own", lambda *_: value)
    with pytest.raises(UserError, match=r"own\.py: own\(\) returned .*from 0 to 1, or None"):
        further_scores("a", "b", "", LABEL_TASK)


def test_params_knows_every_metric() -> None:
    """Which names a check may not take, and which eval.primary may."""
    found: set[str] = {"own", "log_likelihood"}
    for task, wanted in ((JSON_TASK, WANT), (LABEL_TASK, "refund"), (TEXT_TASK, "7")):
        found |= scores(wanted, wanted, task).keys()
        found |= further_scores(wanted, wanted, "", task).keys()
    assert found == METRICS


@pytest.mark.parametrize("task", [LABEL_TASK, TEXT_TASK, JSON_TASK])
def test_one_word_in_two_encodings_is_one_word(task: TaskParams) -> None:
    said, wanted = "cafe\u0301", "café"
    if task.output == "json":
        said, wanted = (f'{{"intent": "{word}"}}' for word in (said, wanted))
    assert scores(said, wanted, task)["exact_match"] == 1
    assert scores(wanted, said, task)["exact_match"] == 1
