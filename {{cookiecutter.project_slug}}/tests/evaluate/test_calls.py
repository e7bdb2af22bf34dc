"""A call is right by its name and its arguments, in every form that templates have."""

import pytest

from lib.core.turns import Function, Message, ToolCall, said
from lib.evaluate.calls import comparable, without_thought

FUNCTION = Function(name="f", arguments={"a": 1, "b": "x"})
CALLS: list[ToolCall] = [{"id": "", "type": "function", "function": FUNCTION}]
RIGHT = said(Message(role="assistant", content="Let me see.", tool_calls=CALLS))


@pytest.mark.parametrize(
    "output",
    [
        RIGHT,
        '<tool_call>\n{"arguments": {"b": "x", "a": 1}, "name": "f"}\n</tool_call>',
        'Here: <tool_call>{"name": "f", "arguments": {"b": "x", "a": 1}}',
        '{"name": "f", "parameters": {"a": 1, "b": "x"}}',
        '<|python_tag|>{"name": "f", "parameters": {"a": 1, "b": "x"}}',
        '[TOOL_CALLS] [{"name": "f", "arguments": {"a": 1, "b": "x"}, "id": "call00000"}]',
        '[{"name": "f", "arguments": {"a": 1, "b": "x"}}]',
        'f{"a": 1, "b": "x"}',
        "<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n<parameter=b>\nx\n</parameter>\n"
        "</function>\n</tool_call>",
        "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n<arg_key>b</arg_key>\n"
        "<arg_value>x</arg_value>\n</tool_call>",
    ],
)
def test_the_same_call_in_any_form(output: str) -> None:
    mine, theirs = comparable(output, RIGHT)
    assert mine == theirs


@pytest.mark.parametrize(
    "output",
    [
        "Let me see.",
        '{"name": "g", "parameters": {"a": 1, "b": "x"}}',
        '{"name": "f", "parameters": {"a": "1", "b": "x"}}',
        '{"name": "f", "parameters": {"a": true, "b": "x"}}',
        '{"name": "f", "parameters": {"a": 1}}',
        '<tool_call>{"name": "f", "arguments": {"a": 1, "b": "x"}}</tool_call>' * 2,
        '{"name": "f", "parameters": {"a": 1, "b": "x"}',
    ],
)
def test_another_call_or_none(output: str) -> None:
    mine, theirs = comparable(output, RIGHT)
    assert mine != theirs


def test_parallel_calls_in_any_order() -> None:
    calls = [f'<tool_call>{{"name": "f", "arguments": {{"a": {n}}}}}</tool_call>' for n in (1, 2)]
    mine, theirs = comparable("".join(calls[::-1]), "\n".join(calls))
    assert mine == theirs


def test_text_is_compared_as_text_where_no_call_is_right() -> None:
    output = '{"name": "f", "parameters": {}}'
    assert comparable(output, "Six.") == (output, "Six.")


def test_a_thought_is_no_part_of_the_answer() -> None:
    assert without_thought("<think>\n17 * 3\n</think>\n\n51") == "51"
    assert without_thought("51") == "51"
