"""OpenTelemetry's older events, and spans of other conventions."""

from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.own_line import OWN
from tests.monitoring.test_monitor_logs import read


def otlp(*parts: dict[str, Any], scope: str = "scopeLogs", part: str = "logRecords") -> Any:
    """A line of OTLP with these records or spans."""
    return {scope.replace("scope", "resource"): [{scope: [{part: list(parts)}]}]}


def event(name: str, **body: Any) -> dict[str, Any]:
    """An event of GenAI by the conventions before 1.37."""
    record = {"traceId": "t1", "spanId": "s1", "timeUnixNano": "1763280000000000000"}
    return record | {"eventName": name, "body": value(body)}


def value(held: Any) -> dict[str, Any]:
    """A value as OTLP writes it."""
    if isinstance(held, dict):
        pairs = [{"key": key, "value": value(one)} for key, one in held.items()]
        return {"kvlistValue": {"values": pairs}}
    return {"stringValue": held} if isinstance(held, str) else {"intValue": str(held)}


def span(**attributes: str) -> dict[str, Any]:
    """A span without texts, unless the attributes have some."""
    asked = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "served"} | attributes
    pairs = [{"key": key, "value": value(one)} for key, one in asked.items()]
    times = {"startTimeUnixNano": "1763280000000000000", "endTimeUnixNano": "1763280001500000000"}
    return {"traceId": "t1", "spanId": "s1", "attributes": pairs} | times


SPANS = {"scope": "scopeSpans", "part": "spans"}
ASKED = event("gen_ai.user.message", content="你好")
ANSWERED = event("gen_ai.choice", finish_reason="stop", message={"content": "{}"})


@pytest.mark.parametrize("span_first", [True, False])
def test_the_older_events_of_a_span_are_its_texts(span_first: bool, tmp_path: Path) -> None:
    lines = [otlp(ASKED), otlp(ANSWERED)]
    lines.insert(0 if span_first else 2, otlp(span(), **SPANS))
    (call,), skipped = read(tmp_path, lines)
    assert (call.prompt(), call.answer, call.latency_ms) == ("你好", "{}", 1500)
    assert skipped == {"copy": 1, "other_line": 1}


def test_an_older_event_without_its_answer_is_counted(tmp_path: Path) -> None:
    assert read(tmp_path, [otlp(ASKED)])[1]["no_answer"] == 1


def test_older_events_without_content_are_withheld(tmp_path: Path) -> None:
    bare = event("gen_ai.choice", index=0, message={"role": "assistant"})
    (call,), _ = read(tmp_path, [otlp(event("gen_ai.user.message")), otlp(bare)])
    assert (call.withheld, call.error) == (True, None)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("gen_ai.prompt", "gen_ai.completion"),
        ("llm.input_messages.0.message.content", "llm.output_messages.0.message.content"),
        ("llm.input_messages.0.message.contents.0.message_content.text", "gen_ai.completion"),
    ],
)
def test_texts_of_other_conventions_are_read(asked: str, answered: str, tmp_path: Path) -> None:
    (call,), _ = read(tmp_path, [otlp(span(**{asked: "你好", answered: "{}"}), **SPANS)])
    assert (call.prompt(), call.answer) == ("你好", "{}")


@pytest.mark.parametrize(
    "begin",
    [
        "gen_ai.completion.0.tool_calls.0.",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.",
    ],
)
def test_tools_of_other_conventions_are_read(begin: str, tmp_path: Path) -> None:
    called = {f"{begin}name": "look_up", f"{begin}arguments": '{"order": 7}'}
    (call,), _ = read(tmp_path, [otlp(span(**{"gen_ai.prompt": "你好"} | called), **SPANS)])
    assert (call.answer, call.tools) == ('{"name": "look_up", "arguments": {"order": 7}}', True)


def test_spans_under_older_names_are_read(tmp_path: Path) -> None:
    held = {"spans": [span(**{"gen_ai.prompt": "a", "gen_ai.completion": "b"})]}
    old = {"resourceSpans": [{"instrumentationLibrarySpans": [held]}]}
    assert len(read(tmp_path, [old])[0]) == 1
    assert len(read(tmp_path, [{"batches": [{"scopeSpans": [held]}]}])[0]) == 1
    assert read(tmp_path, [OWN, {"resourceSpans": [{"other": [held]}]}])[1] == {"unknown_shape": 1}


def test_an_operation_that_is_not_known_is_not_passed_over(tmp_path: Path) -> None:
    known = otlp(span(**{"gen_ai.operation.name": "embeddings"}), **SPANS)
    new = otlp(span(**{"gen_ai.operation.name": "respond"}), **SPANS)
    assert read(tmp_path, [OWN, known, new])[1] == {"other_call": 1, "unknown_operation": 1}
