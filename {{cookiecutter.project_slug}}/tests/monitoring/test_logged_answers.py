"""Responses, requests and times of a logged call, in the shapes that APIs write."""

import json
from pathlib import Path
from typing import Any

import pytest

from lib.monitoring.calls import dumps
from lib.monitoring.rows import from_row
from tests.monitoring.own_line import OWN, TOOLS, said
from tests.monitoring.test_monitor_logs import read
from tests.toy_logs import row


@pytest.mark.parametrize(
    "response", [None, {}, "", {"choices": []}, {"choices": [{"message": None}]}]
)
def test_a_response_without_an_answer_is_a_failure(response: Any) -> None:
    call = said(response)
    assert call.error
    assert from_row(json.loads(dumps(call))).error == call.error


@pytest.mark.parametrize(
    ("response", "finish"),
    [
        ({"choices": [{"text": "你好", "finish_reason": "length"}]}, "length"),
        ('{"choices": [{"message": {"content": "你好"}, "finish_reason": "length"}]}', "length"),
        ("你好", None),
        ({"content": [{"type": "text", "text": "你好"}], "stop_reason": "max_tokens"}, "length"),
        (
            {
                "output": [
                    {"type": "reasoning", "summary": []},
                    {"type": "message", "content": [{"type": "output_text", "text": "你好"}]},
                ],
                "status": "incomplete",
                "incomplete_details": {"reason": "max_output_tokens"},
            },
            "length",
        ),
        (
            {
                "candidates": [
                    {"content": {"parts": [{"text": "你好"}]}, "finishReason": "MAX_TOKENS"}
                ]
            },
            "length",
        ),
        ({"message": {"role": "assistant", "content": "你好"}, "done_reason": "length"}, "length"),
        ({"generated_text": "你好", "details": {"finish_reason": "eos_token"}}, "stop"),
    ],
)
def test_an_answer_of_any_api_is_read(response: Any, finish: str | None) -> None:
    call = said(response)
    assert (call.answer, call.finish, call.error) == ("你好", finish, None)


@pytest.mark.parametrize(
    "response",
    [
        {"choices": [{"message": {"content": None, "tool_calls": TOOLS}}]},
        {"content": [{"type": "tool_use", "name": "look_up", "input": {"order": 7}}]},
        {"output": [{"type": "function_call", "name": "look_up", "arguments": '{"order": 7}'}]},
    ],
)
def test_a_call_of_tools_is_an_answer(response: Any) -> None:
    call = said(response)
    assert (call.answer, call.tools) == ('{"name": "look_up", "arguments": {"order": 7}}', True)
    assert from_row(json.loads(dumps(call))).tools


def test_a_refusal_of_the_api_is_one_in_any_language() -> None:
    call = said({"choices": [{"message": {"content": None, "refusal": "无法协助"}}]})
    assert (call.answer, call.refused) == ("无法协助", True)
    assert from_row(json.loads(dumps(call))).refused


def test_an_unknown_response_is_counted(tmp_path: Path) -> None:
    calls, skipped = read(tmp_path, [OWN | {"response": {"result": "hi"}}])
    assert (calls, skipped) == ([], {"unknown_response": 1})


@pytest.mark.parametrize(
    "request_",
    [
        {"prompt": "你好"},
        {"input": "你好"},
        {"messages": '[{"role": "user", "content": "你好"}]'},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": "你好"}]}]},
        '{"messages": [{"role": "user", "content": "你好"}]}',
    ],
)
def test_a_request_of_any_api_is_read(request_: Any) -> None:
    assert from_row(OWN | {"request": request_}).prompt() == "你好"


def chunk(part: str | None, finish: str | None = None, usage: Any = None) -> dict[str, Any]:
    """A line with one chunk of a streamed answer; without a part its choices are empty."""
    choices = [] if part is None else [{"delta": {"content": part}, "finish_reason": finish}]
    return OWN | {"response": {"choices": choices, "usage": usage}}


def test_chunks_of_a_stream_are_one_answer(tmp_path: Path) -> None:
    lines = [chunk("你"), chunk("好", "length"), chunk(None, usage={"prompt_tokens": 3})]
    (call,), skipped = read(tmp_path, lines)
    assert (call.answer, call.finish, skipped) == ("你好", "length", {"other_line": 1})


def test_a_later_chunk_needs_no_request(tmp_path: Path) -> None:
    later = {key: one for key, one in chunk("好", "stop").items() if key != "request"}
    (call,), skipped = read(tmp_path, [chunk("你"), later])
    assert (call.answer, call.finish, skipped) == ("你好", "stop", {})


def test_a_stream_without_an_end_is_a_call_whose_end_is_unknown(tmp_path: Path) -> None:
    (call,), _ = read(tmp_path, [chunk("你"), chunk("好")])
    assert (call.answer, call.finish) == ("你好", None)


@pytest.mark.parametrize("latency", [float("nan"), -1, float("inf"), None])
def test_a_number_that_says_unknown_is_none(latency: float | None) -> None:
    assert from_row(OWN | {"latency_ms": latency}).latency_ms is None


@pytest.mark.parametrize(
    "time",
    [
        "2025-11-16 08:00:00,000",
        "1763280000",
        "1763280000000000000",
        "Sun, 16 Nov 2025 08:00:00 GMT",
        "2025-11-16 08:00:00 UTC",
        "2025/11/16 08:00:00",
        "2025-11-16T16:00:00+0800",
        {"$date": "2025-11-16T08:00:00Z"},
    ],
)
def test_a_time_is_read_as_it_is_written(time: Any) -> None:
    assert from_row(OWN | {"time": time}).time == 1763280000


def test_requests_without_an_id_are_told_apart() -> None:
    first, other = (
        from_row(row(1, text, "{}") | {"request_id": None}) for text in ("hello", "good-bye")
    )
    assert first.id != other.id
    assert from_row(OWN | {"request_id": {"$oid": "6a"}}).id == "6a"


def test_what_a_model_thinks_aloud_is_not_its_answer() -> None:
    assert said({"text": "<think>\nhm\n</think>\n\n{}"}).answer == "{}"
