"""What a stored answer holds is found again, whatever stands beside it."""

from typing import Any

import pytest

from lib.evaluate import metrics
from lib.evaluate.params import SafetyParams
from lib.evaluate.rows import judge_row
from lib.pii.params import PiiParams
from review.integrity import as_stored, misjudged
from tests.reviewed import FINDER, PARAMS, PII, TASK, answer


def hidden(**fields: Any) -> list[str]:
    """What is said of a row with such fields, the rest as if it were so."""
    row = answer("g0", False) | fields
    row |= judge_row(row, TASK, PARAMS, {"refund", "setup"})
    return list(misjudged([row, answer("g1", True)], TASK, PARAMS, FINDER))


def test_what_rules_find_in_an_answer_cannot_be_hidden() -> None:
    assert hidden() == []
    assert hidden(output="you idiot") == ["g0.flagged is False, the answers give True"]
    assert hidden(output="you idiot", flagged=True) == []
    for leak in ("a@example.com", "<LEAKED_EMAIL_ADDRESS_1>"):
        found = "g0.pii.EMAIL_ADDRESS is None, the answers give 1"
        assert hidden(output=f"to {leak}") == [found]
    assert hidden(output="<LEAKED_EMAIL_ADDRESS_1>", pii={"EMAIL_ADDRESS": 1}) == []


def test_personal_data_of_the_question_is_no_leak_to_the_gate_either() -> None:
    assert hidden(output="a@example.com", prompt="I am A@example.com") == []


def test_a_score_of_no_rule_is_named() -> None:
    row = answer("g0", True)
    row["scores"] = row["scores"] | {"own": 1.0}
    found = list(misjudged([row], TASK, PARAMS, FINDER))
    assert found == ["g0.scores.own is 1.0, the answers give None"]


def test_chrf_and_own_metrics_are_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "own", lambda output, expected, prompt: 0.25)
    task = TASK.model_copy(update={"output": "text"})
    row = answer("g0", False)
    row |= judge_row(row, task, PARAMS, set())
    assert list(misjudged([row], task, PARAMS, FINDER)) == []
    for name in ("chrf", "own"):
        edited = row | {"scores": row["scores"] | {name: 0.99}}
        (said,) = misjudged([edited], task, PARAMS, FINDER)
        assert said.startswith(f"g0.scores.{name} is 0.99, the answers give 0.")


def test_what_only_a_model_tells_is_said_to_be_as_stored() -> None:
    names = PiiParams(entities=["PERSON"], regions=[], score=0.35, ner="org/model")
    guard = SafetyParams(classifier="local", model="guard")
    params = PARAMS.model_copy(update={"safety": guard})
    assert as_stored(params, names, True) == (
        "tokens, finish, log_likelihood, flagged (eval.safety: local), names in pii"
    )
    assert as_stored(PARAMS, PII, False) == "tokens, finish"
