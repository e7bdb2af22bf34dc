"""Each answer ends in the right category."""

import json

import pytest
from pydantic import ValidationError

from lib.core.params import TaskParams
from lib.evaluate.scoring import categorise, field_accuracy, is_refusal, parse_object, same

REFUSAL = '{"intent": "none", "urgency": "low"}'
JSON_TASK = TaskParams(
    system="",
    output="json",
    fields={"intent": ["refund", "none"], "urgency": ["low", "high"]},
    scenario="intent",
    refusal=REFUSAL,
)
LABEL_TASK = TaskParams(system="", output="label", labels=["a", "b"], refusal="no")
WANT = '{"intent": "refund", "urgency": "high"}'


@pytest.mark.parametrize(
    ("output", "category"),
    [
        (WANT, "correct"),
        ('{"urgency":"high","intent":"refund"}', "correct"),
        ('{"intent": "refund", "urgency": "low"}', "wrong_answer"),
        ("Sure! " + WANT, "format_error"),
        ('{"intent": "refund"}', "format_error"),
        ("[]", "format_error"),
        ('{"intent": "退款", "urgency": "high"}', "hallucination"),
        (WANT[:-1] + ', "note": "x"}', "hallucination"),
        ('{"intent": ["refund"], "urgency": "high"}', "hallucination"),
        (REFUSAL, "wrong_refusal"),
    ],
)
def test_json_answers(output: str, category: str) -> None:
    assert categorise(output, WANT, JSON_TASK, set()) == category


def test_answering_what_must_be_refused() -> None:
    assert categorise(WANT, REFUSAL, JSON_TASK, set()) == "missed_refusal"


def test_refusing_what_must_be_refused() -> None:
    assert categorise(REFUSAL, REFUSAL, JSON_TASK, set()) == "correct"


@pytest.mark.parametrize(
    ("output", "category"), [(" a\n", "correct"), ("b", "wrong_answer"), ("c", "hallucination")]
)
def test_label_answers(output: str, category: str) -> None:
    assert categorise(output, "a", LABEL_TASK, {"a", "b"}) == category


@pytest.mark.parametrize(
    "refused", ['{"urgency": "low", "intent": "none"}', '{"intent":"none",\n "urgency":"low"}']
)
def test_a_refusal_in_json_is_one_in_any_order_and_spacing(refused: str) -> None:
    assert categorise(refused, REFUSAL, JSON_TASK, set()) == "correct"
    assert categorise(refused, WANT, JSON_TASK, set()) == "wrong_refusal"


def test_what_is_no_json_refuses_nothing() -> None:
    task = JSON_TASK.model_copy(update={"refusal": "I cannot help."})
    assert not is_refusal("Sure, here is how", task)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"refusal": "I cannot help."}, "a section whose refusal is also a JSON"),
        ({"output": "label", "refusal": "", "scenario": ""}, "`fields: {}` when output is label"),
        ({"output": "text", "scenario": ""}, "`fields: {}` when output is text"),
    ],
)
def test_a_task_that_contradicts_itself_is_refused(changes: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TaskParams.model_validate(JSON_TASK.model_dump(by_alias=True) | changes)


def test_no_declared_refusal_means_no_refusals() -> None:
    assert not is_refusal("", TaskParams(system="", output="text"))


def test_field_accuracy_counts_missing_fields_as_wrong() -> None:
    outputs = ['{"intent": "refund"}', WANT, "no JSON"]
    assert field_accuracy(outputs, [WANT] * 3, JSON_TASK) == {"intent": 2 / 3, "urgency": 1 / 3}


FREE = TaskParams(system="", output="json", fields={"intent": ["refund"], "order": []})


@pytest.mark.parametrize(
    ("order", "category"),
    [("HW-1", "correct"), ("订单7", "wrong_answer"), ("HW-9", "hallucination")],
)
def test_a_field_of_free_text_must_be_supported_by_the_prompt(order: str, category: str) -> None:
    answer, want = (f'{{"intent": "refund", "order": "{one}"}}' for one in (order, "HW-1"))
    prompt = "第一 订单7, hw-1"
    assert categorise(answer, want, FREE, set(), prompt) == category


def test_a_number_of_5000_digits_is_no_json() -> None:
    assert parse_object('{"intent": ' + "9" * 5000 + "}") is None


@pytest.mark.parametrize(("one", "other"), [("1", "true"), ("[0]", "[false]"), ('{"a": 1}', "1")])
def test_a_number_is_no_truth_value(one: str, other: str) -> None:
    assert not same(json.loads(one), json.loads(other))
    assert same(json.loads(one), json.loads(one))


def test_nothing_at_all_is_other() -> None:
    assert categorise(" \n", "a", LABEL_TASK, {"a"}) == "other"
