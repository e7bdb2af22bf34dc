"""A JSON Schema as the task's output: what is declared, what is wrong, where values stand."""

import json
from pathlib import Path
from typing import Any

import pytest

from lib.core.config import load
from lib.core.params import TaskParams
from lib.core.schema import in_order, leaves, of_fields, schema_hash, values_at, wrongs
from lib.curate.json_answers import read_json_answer
from lib.evaluate.metrics import json_scores
from lib.evaluate.scoring import CORRECT, categorise, field_accuracy
from lib.evaluate.summary import confusions, macro_f1
from lib.intake.cells import Reject
from lib.monitoring.signals import answer_values, form_events
from lib.runtime.errors import UserError

ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["order", "退货"]},
        "customer": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "age": {"type": ["integer", "null"]}},
            "required": ["city"],
        },
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
    },
    "required": ["kind", "customer"],
    "additionalProperties": False,
    "$defs": {
        "item": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "price": {"type": "number"}},
            "required": ["name", "price"],
        }
    },
}
TASK = TaskParams.model_validate({"system": "", "output": "json", "schema": ORDER})
RIGHT: dict[str, Any] = {
    "kind": "退货",
    "customer": {"city": "北京"},
    "items": [{"name": "灯", "price": 12.5}, {"name": "锁", "price": 3}],
}
PROMPT = "我想退货:灯和锁。北京 🔒"


def said(**changes: Any) -> str:
    """An answer with other values."""
    return json.dumps(RIGHT | changes, ensure_ascii=False)


def test_leaves_are_named_by_their_paths() -> None:
    assert leaves(ORDER) == {
        "kind": ["order", "退货"],
        "customer.city": [],
        "customer.age": [],
        "items[].name": [],
        "items[].price": [],
    }


def test_a_schema_that_refers_to_itself_has_an_end() -> None:
    tree = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "child": {"$ref": "#"}},
    }
    assert "child.name" in leaves(tree)


def test_values_stand_at_the_paths_of_the_leaves() -> None:
    found = values_at(RIGHT)
    assert found["items[].price"] == [12.5, 3]
    assert found.keys() <= leaves(ORDER).keys()


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "array"}, "type: object"),
        ({"type": "object", "properties": {"a": {"type": "text"}}}, "properties.a.type"),
        ({"type": "object"}, "at least one value"),
        ({"type": "object", "properties": {"a": {"$ref": "http://x/y"}}}, "another file"),
        ({"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}}, "resolves"),
        (
            {"type": "object", "properties": {"a": {}}, "requird": ["a"]},
            "unknown keywords .requird",
        ),
    ],
)
def test_a_schema_that_cannot_be_used_is_named(schema: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TaskParams.model_validate({"system": "", "output": "json", "schema": schema})


@pytest.mark.parametrize("also", [{}, {"fields": {"a": []}, "schema": ORDER}])
def test_a_json_task_has_either_fields_or_a_schema(also: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="either `fields` or `schema`"):
        TaskParams.model_validate({"system": "", "output": "json"} | also)


@pytest.mark.parametrize(
    ("answer", "category"),
    [
        (said(), CORRECT),
        (said(items=RIGHT["items"][::-1]), "wrong_answer"),
        (said(kind="order"), "wrong_answer"),
        (said(customer={}), "format_error"),
        (said(customer={"city": "北京", "age": "12"}), "format_error"),
        (said(items={"name": "灯"}), "format_error"),
        (said(kind="gift"), "hallucination"),
        (said(note="x"), "hallucination"),
        (said(customer={"city": "上海"}), "hallucination"),
        ("```json\n" + said() + "\n```", "format_error"),
    ],
)
def test_answers_are_judged_by_the_schema(answer: str, category: str) -> None:
    assert categorise(answer, said(), TASK, set(), PROMPT) == category


def test_a_number_is_no_hallucination() -> None:
    wrong = said(items=[{"name": "灯", "price": 99}, {"name": "锁", "price": 3}])
    assert categorise(wrong, said(), TASK, set(), PROMPT) == "wrong_answer"


def test_every_value_has_its_accuracy() -> None:
    other = said(items=[{"name": "灯", "price": 1}, {"name": "锁", "price": 3}])
    assert field_accuracy([said(), other, "no"], [said()] * 3, TASK) == {
        "kind": pytest.approx(2 / 3),
        "customer.city": pytest.approx(2 / 3),
        "customer.age": pytest.approx(2 / 3),  # that neither has it is right
        "items[].name": pytest.approx(2 / 3),
        "items[].price": pytest.approx(1 / 3),
    }


FENCED = ["```json\n{}\n```", "```\n{}```", "  ```JSON\n{}\n```\n"]


@pytest.mark.parametrize("fence", FENCED)
def test_a_fence_is_unwrapped_everywhere_when_the_task_says_so(fence: str) -> None:
    lenient = TASK.model_copy(update={"lenient": True})
    answer = fence.replace("{}", said())
    assert categorise(answer, said(), lenient, set(), PROMPT) == CORRECT
    assert json_scores(answer, said(), lenient)["exact_match"] == 1
    assert not form_events(answer, "stop", lenient)["format_errors"]
    assert form_events(answer, "stop", TASK)["format_errors"]
    assert json_scores(answer, said(), TASK)["valid_json"] == 0


def test_an_optional_value_that_is_rightly_absent_is_right() -> None:
    schema = {
        "type": "object",
        "properties": {"kind": {"enum": ["a", "b"]}, "more": {"enum": ["x", "y"]}},
    }
    task = TaskParams.model_validate({"system": "", "output": "json", "schema": schema})
    rows = [
        {"output": one, "expected": one} for one in ('{"kind": "a"}', '{"kind": "b", "more": "x"}')
    ]
    tables = confusions(rows, task)
    assert {name: macro_f1(table) for name, table in tables.items()} == {"kind": 1, "more": 1}


def test_a_wrong_section_is_told_without_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(json.dumps({"task": {"system": "", "output": "json", "schema": {"type": "x"}}}))
    with pytest.raises(UserError) as error:
        load("task", TaskParams, path)
    assert "{" not in str(error.value)


def test_production_answers_are_held_against_the_schema() -> None:
    assert form_events(said(customer={}), "stop", TASK)["format_errors"]
    assert not form_events(said(), "stop", TASK)["format_errors"]
    values = answer_values(said(kind="gift"), TASK, set())
    assert values["answer.kind"] == "(other)"
    assert "answer.items[].name" not in values


def test_an_answer_to_learn_is_checked_and_put_in_order() -> None:
    mixed = json.dumps(
        {"items": [{"price": 3, "name": "锁"}], "customer": {"city": "x"}, "kind": "order"}
    )
    found = read_json_answer(mixed, TASK)
    assert list(found) == ["kind", "customer", "items"]
    assert list(found["items"][0]) == ["name", "price"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (said(kind="gift"), "answer_not_in_schema"),
        (said(items=[{"name": "a", "price": float("nan")}]), "answer_not_json"),
        (said().replace('"city"', '"city": "a", "city"'), "answer_not_json"),
        ("[1]", "wrong_fields"),
    ],
)
def test_an_answer_that_is_not_allowed_is_not_learnt(answer: str, reason: str) -> None:
    with pytest.raises(Reject) as rejected:
        read_json_answer(answer, TASK)
    assert str(rejected.value).startswith(reason)


def test_fields_are_a_schema_too() -> None:
    schema = of_fields({"intent": ["a", "b"], "note": []})
    assert wrongs({"intent": "a", "note": "x"}, schema) == []
    assert {rule for _, rule in wrongs({"intent": "c", "more": 1}, schema)} == {
        "enum",
        "required",
        "additionalProperties",
    }


def test_order_is_only_that_of_the_schema() -> None:
    assert list(in_order({"z": 1, "kind": "order"}, ORDER, ORDER)) == ["kind", "z"]


def test_a_schema_is_named_by_its_content() -> None:
    other = ORDER | {"required": ["kind"]}
    assert schema_hash(ORDER) == schema_hash(dict(reversed(ORDER.items())))
    assert schema_hash(ORDER) != schema_hash(other)
    assert schema_hash(None) is None
