"""An engine that does not hold its answers to the schema is told of, and never trusted."""

import pytest

from lib.engines.answer import Answer
from lib.engines.held import count_not_held
from lib.runtime.errors import UserError

SCHEMA = {
    "type": "object",
    "properties": {
        "标签": {"type": "array", "items": {"enum": ["退款", "安装"]}, "uniqueItems": True}
    },
    "required": ["标签"],
}
RIGHT, TWICE, FREE = '{"标签": ["退款"]}', '{"标签": ["退款", "退款"]}', "Sure! 退款。"


def answers(*texts: str, finish: str = "stop") -> list[Answer]:
    return [Answer(text, 3, 5, finish) for text in texts]


def test_answers_that_keep_the_schema_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert count_not_held(answers(RIGHT, RIGHT), SCHEMA) == 0
    assert capsys.readouterr().out == ""


def test_a_rule_that_the_engine_leaves_out_is_counted_and_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert count_not_held(answers(RIGHT, TWICE, RIGHT), SCHEMA) == 1
    assert "1 of 3 answers violate the schema (the first: uniqueItems of 标签)" in (
        capsys.readouterr().out
    )


def test_an_engine_that_knows_no_schema_stops_the_stage() -> None:
    with pytest.raises(UserError, match=r"2 of 3 .* \(not JSON\): this engine ignores it"):
        count_not_held(answers(FREE, RIGHT, FREE), SCHEMA)


def test_answers_that_were_cut_off_or_never_came_are_not_its_fault() -> None:
    missing = [Answer("", 0, 0, "stop")]
    assert count_not_held([*answers(RIGHT[:9], finish="length"), *missing], SCHEMA) == 0


def test_free_text_that_was_cut_off_is() -> None:
    with pytest.raises(UserError, match=r"1 of 1 answers violate the schema \(not JSON\)"):
        count_not_held(answers(FREE, finish="length"), SCHEMA)
