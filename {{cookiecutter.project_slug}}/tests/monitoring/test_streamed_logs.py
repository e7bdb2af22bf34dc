"""Answers that were logged as streams, and what filters stopped."""

import json
from pathlib import Path
from typing import Any

import pytest

from lib.monitoring.rows import from_row
from tests.monitoring.own_line import OWN, TOOLS, said
from tests.monitoring.test_gateway_logs import USED
from tests.monitoring.test_monitor_logs import read


def streamed(*events: Any) -> str:
    """Server-sent events as one text."""
    return "".join(f"data: {json.dumps(one)}\n\n" for one in events)


def chunk(part: str, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk of OpenAI's stream."""
    return {"choices": [{"delta": {"content": part} | more, "finish_reason": finish}]}


@pytest.mark.parametrize(
    "response",
    [
        streamed(chunk("你"), chunk("好"), chunk("", "length")) + "data: [DONE]\n\n",
        [chunk("你"), chunk("好", "length"), {"choices": [], **USED}],
        streamed(
            {"type": "message_start", "message": {"usage": {"input_tokens": 7}}},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "你好"}},
            {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}},
        ),
        streamed(
            {"type": "response.output_text.delta", "delta": "你好"},
            {
                "type": "response.incomplete",
                "response": {
                    "output": [{"type": "message", "content": [{"text": "你好"}]}],
                    "incomplete_details": {"reason": "max_output_tokens"},
                },
            },
        ),
    ],
)
def test_a_stream_that_was_logged_as_one_is_joined(response: Any) -> None:
    call = said(response)
    assert (call.answer, call.finish, call.error) == ("你好", "length", None)


def test_the_tokens_of_a_stream_are_read() -> None:
    call = said(streamed(chunk("{}", "stop"), {"choices": []} | USED))
    assert (call.input_tokens, call.output_tokens) == (7, 2)


def test_the_tools_of_a_stream_are_joined() -> None:
    calls = [{"index": 0, "function": {"name": "look_up", "arguments": '{"order"'}}]
    rest = [{"index": 0, "function": {"arguments": ": 7}"}}]
    call = said([chunk("", tool_calls=calls), chunk("", "tool_calls", tool_calls=rest)])
    assert (call.answer, call.tools) == ('{"name": "look_up", "arguments": {"order": 7}}', True)


def test_a_stream_that_was_cut_off_is_no_answer(tmp_path: Path) -> None:
    cut = OWN | {"response": streamed(chunk("你"))[:30]}
    assert read(tmp_path, [cut]) == ([], {"partial_answer": 1})


@pytest.mark.parametrize(
    "response",
    [
        {"choices": [{"finish_reason": "content_filter", "message": {"role": "assistant"}}]},
        {"content": [], "stop_reason": "refusal"},
        {"promptFeedback": {"blockReason": "SAFETY"}},
        {"candidates": [{"finishReason": "SAFETY"}]},
        {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "不"}]}]},
    ],
)
def test_what_a_filter_stopped_is_a_refusal(response: Any) -> None:
    call = said(response)
    assert (call.refused, call.error) == (True, None)


def test_geminis_requests_and_calls_are_read() -> None:
    part = {"functionCall": {"name": "look_up", "args": {"order": 7}}}
    request = {"contents": [{"role": "user", "parts": [{"text": "你好"}]}]}
    call = from_row(
        OWN | {"request": request, "response": {"candidates": [{"content": {"parts": [part]}}]}}
    )
    assert (call.prompt(), call.tools) == ("你好", True)


def test_the_choice_that_the_api_calls_the_first_counts() -> None:
    choices = [{"index": at, "message": {"content": str(at)}} for at in (1, 0)]
    assert said({"choices": choices}).answer == "0"


@pytest.mark.parametrize("mark", ["*****", "[Filtered]", "<REDACTED>", "__REDACTED__"])
def test_marks_in_place_of_a_text_are_no_answers(mark: str) -> None:
    assert said({"choices": [{"message": {"content": mark}}]}).withheld


def test_tools_have_no_filter() -> None:
    assert not said({"choices": [{"message": {"tool_calls": TOOLS}}]}).refused
