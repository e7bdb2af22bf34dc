"""Spans and events of OpenTelemetry."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.test_monitor_logs import ATTRIBUTES, OTLP, SPAN, read


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
