"""Logs in the shapes that gateways, servers and what ships them are reported to write."""

import bz2
import gzip
import json
import lzma
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lib.monitoring.calls import Call, dumps
from lib.monitoring.readers import read_logged_calls
from lib.monitoring.rows import from_row
from lib.runtime.errors import UserError
from tests.monitoring.test_monitor_logs import ATTRIBUTES, LITELLM, NEWER_VLLM, OTLP, SPAN, read
from tests.toy_logs import row

OWN = row(1, "门锁坏了 🔒", '{"intent": "repair"}')
LINE = json.dumps(OWN, ensure_ascii=False)
STAMP = "2026-11-16T08:00:00.000000000Z"
TOOLS = [{"function": {"name": "look_up", "arguments": '{"order": 7}'}}]


def span(error: bool = False, without: str = "", **values: Any) -> dict[str, Any]:
    """A line of OTLP whose span has other attributes; `gen_ai.` is left out of their names."""
    held = ATTRIBUTES | {f"gen_ai.{name.replace('__', '.')}": one for name, one in values.items()}
    pairs = [{"key": key, "value": one} for key, one in held.items() if key != f"gen_ai.{without}"]
    one = SPAN | {"attributes": pairs} | ({"status": {"code": 2}} if error else {})
    return {"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]}


def messages(finish: str, *parts: dict[str, Any]) -> dict[str, str]:
    """The attribute of output messages with one message of these parts."""
    turn = {"role": "assistant", "parts": list(parts), "finish_reason": finish}
    return {"stringValue": json.dumps([turn])}


def litellm(**changes: Any) -> dict[str, Any]:
    """A payload of LiteLLM with other values."""
    return LITELLM | changes


def said(response: Any) -> Call:
    """The call of a line of our format with this response."""
    return from_row(OWN | {"response": response})


@pytest.mark.parametrize(
    "lines",
    [
        [f"{STAMP} stdout F {LINE}"],
        [
            f"{STAMP} stdout P {LINE[:40]}",
            f"{STAMP} stderr F warm",
            f"{STAMP} stdout F {LINE[40:]}",
        ],
        [{"log": LINE + "\n", "stream": "stdout", "time": STAMP}],
        [
            {"log": LINE[:40], "stream": "stdout", "time": STAMP},
            {"log": LINE[40:] + "\n", "stream": "stdout", "time": STAMP},
        ],
        [{"log": LINE, "stream": "stdout", "kubernetes": {"pod_name": "gateway"}}],
        [{"jsonPayload": OWN, "timestamp": STAMP}],
        [{"MESSAGE": LINE, "_HOSTNAME": "a"}],
        [{"id": "1", "type": "log", "attributes": {"status": "info", "attributes": OWN}}],
        [{"_index": "logs", "_source": {"@timestamp": STAMP, "message": LINE}}],
        [f"gateway-1  | {LINE}"],
        [f"\x1b[32mINFO\x1b[0m: {LINE}"],
        [LINE + ","],
        [LINE + LINE],
        [[OWN]],
        ["[", json.dumps(OWN, indent=2) + ",", json.dumps(OWN, indent=2), "]"],
        [json.dumps(OWN, indent=4)],
    ],
)
def test_a_frame_around_a_line_is_taken_off(lines: list[Any], tmp_path: Path) -> None:
    calls, skipped = read(tmp_path, lines)
    assert [call.answer for call in calls] == ['{"intent": "repair"}']
    assert set(skipped) <= {"copy", "text_line"}


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_rotated_and_packed_copy_counts_once(pack: Any, tmp_path: Path) -> None:
    paths, skipped = [tmp_path / "log", tmp_path / "log.1"], Counter[str]()
    paths[0].write_text(LINE, encoding="utf-8")
    paths[1].write_bytes(pack(LINE.encode()))
    assert len(list(read_logged_calls(paths, skipped))) == 1
    assert skipped == {"copy": 1}


def test_utf_16_is_read(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(LINE, encoding="utf-16")
    assert len(list(read_logged_calls([tmp_path / "log"], Counter()))) == 1


@pytest.mark.parametrize(
    ("start", "cure"), [(b"\x28\xb5\x2f\xfd", "zstd -d"), (b"PK\x03\x04", "unzip")]
)
def test_what_cannot_be_unpacked_names_its_tool(start: bytes, cure: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(start + bytes(20))
    with pytest.raises(UserError, match=cure):
        list(read_logged_calls([tmp_path / "log"], Counter()))


def test_text_of_a_file_without_requests_was_not_understood(tmp_path: Path) -> None:
    calls, skipped = read(tmp_path, ["time=1 prompt=hello answer=hi", "time=2 prompt=a answer=b"])
    assert (calls, skipped) == ([], {"unknown_line": 2})


def test_a_row_that_may_hold_a_request_is_never_taken_for_another(tmp_path: Path) -> None:
    hidden = {"event": {"data": {"messages": [{"role": "user", "content": "hi"}]}}}
    _, skipped = read(tmp_path, [OWN, {"level": "info"}, hidden])
    assert skipped == {"other_row": 1, "unknown_shape": 1}


def test_a_server_that_was_not_asked_is_no_damage(tmp_path: Path) -> None:
    _, skipped = read(tmp_path, ["INFO 11-16 08:00:01 [loggers.py:1] Engine 000", "Traceback"])
    assert skipped == {"other_line": 1, "text_line": 1}


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


@pytest.mark.parametrize("messages", [None, [], "", {}])
def test_litellms_failures_count_whatever_they_hold(messages: Any, tmp_path: Path) -> None:
    failure = litellm(status="failure", messages=messages, response={}, error_str="429")
    (call,), skipped = read(tmp_path, [failure])
    assert (call.error, skipped) == ("429", {})


@pytest.mark.parametrize(
    "changes",
    [
        {"messages": "redacted-by-litellm", "response": {"text": "redacted-by-litellm"}},
        {"messages": [{"role": "user", "content": "redacted-by-litellm"}]},
        {"messages": {}, "response": {}},
        {"messages": "{}", "response": "{}"},
        {"response": None},
    ],
)
def test_texts_that_litellm_withheld_are_no_answers(changes: Any, tmp_path: Path) -> None:
    (call,), _ = read(tmp_path, [litellm(**changes)])
    assert call.withheld
    assert not call.error
    assert from_row(json.loads(dumps(call))).withheld


@pytest.mark.parametrize("kind", ["anthropic_messages", "aresponses", "agenerate_content"])
def test_litellms_other_routes_are_read(kind: str, tmp_path: Path) -> None:
    assert len(read(tmp_path, [litellm(call_type=kind)])[0]) == 1


def test_an_answer_from_the_cache_has_no_latency(tmp_path: Path) -> None:
    (call,), _ = read(tmp_path, [litellm(cache_hit=True)])
    assert (call.latency_ms, call.ttft_ms) == (None, None)


def test_one_chunk_is_no_answer(tmp_path: Path) -> None:
    part = {"choices": [{"delta": {"content": "{"}, "finish_reason": None}]}
    calls, skipped = read(tmp_path, [litellm(response=part)])
    assert (calls, skipped) == ([], {"partial_answer": 1})


def test_spend_logs_are_read(tmp_path: Path) -> None:
    line = {key: one for key, one in LITELLM.items() if key not in ("id", "response_cost")}
    (call,), _ = read(tmp_path, [line | {"request_id": "r1", "spend": 0.5}])
    assert (call.id, call.cost) == ("r1", 0.5)


@pytest.mark.parametrize("zero", [{"intValue": "0"}, {"intValue": 0}, {"doubleValue": 0.0}])
def test_no_token_is_a_number(zero: Any, tmp_path: Path) -> None:
    (call,), _ = read(tmp_path, [span(usage__output_tokens=zero)])
    assert call.output_tokens == 0


@pytest.mark.parametrize("empty", [{"arrayValue": {}}, {"arrayValue": {"values": []}}, {}])
def test_an_empty_attribute_is_absent(empty: Any, tmp_path: Path) -> None:
    (call,), skipped = read(tmp_path, [span(response__finish_reasons=empty)])
    assert (call.answer, call.finish, skipped) == ("{}", None, {})


def test_the_finish_reason_inside_of_a_message_is_read(tmp_path: Path) -> None:
    output = messages("length", {"type": "text", "content": "{"})
    (call,), _ = read(tmp_path, [span(without="response.finish_reasons", output__messages=output)])
    assert call.finish == "length"


def test_a_span_that_failed_needs_no_output(tmp_path: Path) -> None:
    (call,), _ = read(tmp_path, [span(error=True, without="output.messages")])
    assert call.error == "failed"


def test_a_span_without_content_is_withheld(tmp_path: Path) -> None:
    (call,), _ = read(tmp_path, [span(without="input.messages")])
    assert call.withheld


def test_a_span_that_calls_tools_answers(tmp_path: Path) -> None:
    part = {"type": "tool_call", "name": "look_up", "arguments": {"order": 7}}
    (call,), _ = read(tmp_path, [span(output__messages=messages("tool_call", part))])
    assert (call.tools, call.finish) == (True, "tool_calls")


def test_numbered_attributes_are_turns(tmp_path: Path) -> None:
    values = {
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "你好",
        "gen_ai.completion.0.content": "{}",
        "gen_ai.completion.0.finish_reason": "stop",
        "llm.request.type": "chat",
    }
    pairs = [{"key": key, "value": {"stringValue": one}} for key, one in values.items()]
    line = {"resourceSpans": [{"scopeSpans": [{"spans": [SPAN | {"attributes": pairs}]}]}]}
    (call,), _ = read(tmp_path, [line])
    assert (call.prompt(), call.answer, call.finish) == ("你好", "{}", "stop")


def test_an_event_with_the_content_is_a_call(tmp_path: Path) -> None:
    record = {"timeUnixNano": SPAN["startTimeUnixNano"], "attributes": SPAN["attributes"]}
    lines = [{"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}, {"resourceMetrics": []}]
    (call,), skipped = read(tmp_path, lines)
    assert (call.answer, skipped) == ("{}", {"other_call": 1})


@pytest.mark.parametrize("events_first", [True, False])
def test_a_span_and_its_event_are_one_request(events_first: bool, tmp_path: Path) -> None:
    record = {"timeUnixNano": SPAN["startTimeUnixNano"], "attributes": SPAN["attributes"]}
    record |= {"traceId": "t1", "spanId": "r1"}
    event = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    bare = [one for one in SPAN["attributes"] if "messages" not in one["key"]]
    span = {"scopeSpans": [{"spans": [SPAN | {"attributes": bare, "traceId": "t1"}]}]}
    lines = [event, {"resourceSpans": [span]}]
    (call,), skipped = read(tmp_path, lines if events_first else lines[::-1])
    assert (call.answer, call.latency_ms, call.withheld) == ("{}", 1500, False)
    assert skipped == {"copy": 1}


def test_a_span_of_an_unknown_convention_is_counted(tmp_path: Path) -> None:
    pairs = [{"key": "gen_ai.system", "value": {"stringValue": "x"}}]
    line = {"resourceSpans": [{"scopeSpans": [{"spans": [SPAN | {"attributes": pairs}]}]}]}
    assert read(tmp_path, [line]) == ([], {"unknown_operation": 1})


def test_a_bundle_of_spans_is_read_span_by_span(tmp_path: Path) -> None:
    cut = span(input__messages={"stringValue": '[{"role": "us'})
    cut["resourceSpans"] += OTLP["resourceSpans"]
    calls, skipped = read(tmp_path, [cut])
    assert (len(calls), skipped) == (1, {"invalid_json": 1})


def vllm(*answers: str) -> list[str]:
    """A request in vLLM's log, and lines of its answer."""
    said = "(APIServer pid=7) INFO 11-16 08:00:02 [logger.py:90] Generated response r1"
    return [*NEWER_VLLM[:2], *(said + answer for answer in answers)]


def test_a_streamed_answer_ends_as_its_last_delta_says(tmp_path: Path) -> None:
    lines = vllm(
        " (streaming delta): output: '你', output_token_ids: [1], finish_reason: None",
        " (streaming delta): output: '好', output_token_ids: [2], finish_reason: length",
        " (streaming complete): output: '<streaming_complete: 2 tokens>', output_token_ids: None, "
        "finish_reason: streaming_complete",
    )
    (call,), _ = read(tmp_path, lines)
    assert (call.answer, call.finish, call.output_tokens) == ("你好", "length", 2)


def test_a_placeholder_is_no_answer(tmp_path: Path) -> None:
    lines = vllm(
        " (streaming complete): output: '<streaming_complete: 22 tokens>', output_token_ids: None, "
        "finish_reason: streaming_complete"
    )
    (call,), _ = read(tmp_path, lines)
    assert (call.withheld, call.finish, call.output_tokens) == (True, None, 22)


def test_the_first_of_several_answers_counts(tmp_path: Path) -> None:
    answer = ": output: '{}', output_token_ids: None, finish_reason: stop"
    calls, skipped = read(tmp_path, vllm(answer, answer))
    assert (len(calls), skipped) == (1, {"other_line": 1})


def test_a_log_without_prompts_has_no_texts(tmp_path: Path) -> None:
    answer = ": output: '{}', output_token_ids: None, finish_reason: stop"
    (call,), _ = read(tmp_path, vllm(answer)[1:])
    assert call.withheld


@pytest.mark.parametrize(
    "prompt",
    [
        "<|im_start|>system\\nTriage<|im_end|>\\n<|im_start|>user\\n你好",  # cut off
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\\n\\nTriage<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\\n\\n你好<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\\n\\n",
        "<bos><start_of_turn>user\\n你好<end_of_turn>\\n<start_of_turn>model\\n",
        "<|system|>\\nTriage<|end|>\\n<|user|>\\n你好<|end|>\\n<|assistant|>\\n",
    ],
)
def test_a_rendered_chat_is_split_into_its_turns(prompt: str, tmp_path: Path) -> None:
    asked, *rest = vllm(": output: '{}', output_token_ids: None, finish_reason: stop")
    (call,), _ = read(tmp_path, [asked.replace("门锁坏了 🔒", prompt), *rest])
    assert call.prompt() == "你好"
