"""OpenTelemetry: GenAI spans and events whose content was captured.

OTLP/JSON as the collector's file exporter writes it, or a span as the SDK's console exporter does.
Read are the semantic conventions from 1.37 on (gen_ai.input.messages, gen_ai.output.messages) and
the numbered attributes of others (gen_ai.prompt.0.content).
"""

import json
import re
from collections.abc import Iterator
from itertools import count as counting
from typing import Any

from lib.monitoring.answers import Answer, calls_of_tools, finish_of
from lib.monitoring.calls import Call, complete, turns_of
from lib.monitoring.fields import (
    BadCall,
    at,
    content,
    count,
    decoded,
    identity,
    items,
    lapse_ms,
    text,
    timestamp,
)

SIGNALS = ("resourceSpans", "resourceLogs", "resourceMetrics")
ASKS_A_MODEL = ("chat", "text_completion", "generate_content", "completion")
NUMBERED = {  # turns whose parts are attributes of their own, as OpenLLMetry and OpenInference do
    "gen_ai.input.messages": ("gen_ai.prompt", "llm.input_messages"),
    "gen_ai.output.messages": ("gen_ai.completion", "llm.output_messages"),
}
WHOLE = re.compile(r"-?\d{1,19}")


def parts_of(row: dict[str, Any]) -> Iterator[Any]:
    """Yield the spans and log records of a line of OTLP; metrics have none."""
    for signal, scopes, parts in (
        ("resourceSpans", "scopeSpans", "spans"),
        ("resourceLogs", "scopeLogs", "logRecords"),
    ):
        for resource in items(row.get(signal)):
            for scope in items(at(resource, scopes)):
                yield from items(at(scope, parts))


def from_span(span: Any) -> Call:
    """Read a GenAI span or event; raise BadCall when it is none, or of another convention."""
    values = attributes(span)
    for name, others in NUMBERED.items():
        if found := next(filter(None, (numbered(values, other) for other in others)), None):
            values.setdefault(name, found)
    check_operation(values)
    failed = _error(span, values)
    start, end = _times(span)
    turns = [_turn(turn) for turn in _list(values.get("gen_ai.input.messages"))]
    answer = _answer(values)
    withheld = not failed and (not turns or answer is None)  # capturing content is off by default
    return complete(
        Call(
            time=start,
            id=identity(values.get("gen_ai.response.id")) or _span_id(span),
            model=text(values.get("gen_ai.response.model") or values.get("gen_ai.request.model")),
            messages=turns_of(_system(values) + turns, may_lack=bool(failed) or withheld),
            answer="",
            input_tokens=count(values.get("gen_ai.usage.input_tokens")),
            output_tokens=count(values.get("gen_ai.usage.output_tokens")),
            latency_ms=lapse_ms(start, end),
            error=failed,
            withheld=withheld,
            half=withheld or end is None,
        ),
        answer or Answer(),
    )


def check_operation(values: dict[str, Any]) -> None:
    """Raise BadCall where attributes are not those of a request to a chat or completion model."""
    operation = values.get("gen_ai.operation.name") or values.get("llm.request.type")
    if operation in ASKS_A_MODEL or (operation is None and values.get("gen_ai.input.messages")):
        return
    genai = any(name.startswith(("gen_ai.", "llm.")) for name in values)
    raise BadCall("unknown_operation" if genai and operation is None else "other_call")


def _error(span: Any, values: dict[str, Any]) -> str | None:
    failed = at(span, "status", "code") in (2, "STATUS_CODE_ERROR")
    failed |= at(span, "status", "status_code") == "ERROR"  # of the SDK's console exporter
    return text(values.get("error.type")) or "failed" if failed or "error.type" in values else None


def _times(span: Any) -> tuple[float, float | None]:
    """Return start and end; an event has but one."""
    start = at(span, "startTimeUnixNano") or at(span, "start_time")
    end = at(span, "endTimeUnixNano") or at(span, "end_time")
    start = start or at(span, "timeUnixNano") or at(span, "observedTimeUnixNano")
    return timestamp(start), timestamp(end) if end else None


def _span_id(span: Any) -> str:
    trace = text(at(span, "traceId")) or text(at(span, "context", "trace_id"))
    return trace + (text(at(span, "spanId")) or text(at(span, "context", "span_id")))


def _list(value: Any) -> list[Any]:
    value = decoded(value)
    if isinstance(value, str):  # cut off by an exporter's limit
        raise BadCall("invalid_json")
    return items(value)


def _turn(turn: Any) -> dict[str, Any]:
    return {"role": at(turn, "role") or "user", "content": said(turn)}


def _system(values: dict[str, Any]) -> list[dict[str, Any]]:
    parts = _list(values.get("gen_ai.system_instructions"))
    return [{"role": "system", "content": said({"parts": parts})}] if parts else []


def _answer(values: dict[str, Any]) -> Answer | None:
    """Read the first answer; None where the span has none, which says nothing of the model."""
    turns = values.get("gen_ai.output.messages")
    if turns is None:
        return None
    if not (turns := _list(turns)):
        return Answer(missing="no output")
    reasons = _list(values.get("gen_ai.response.finish_reasons"))
    finish = finish_of(at(turns[0], "finish_reason") or at(reasons, 0))
    called = [part for part in items(at(turns[0], "parts")) if at(part, "type") == "tool_call"]
    if called and not said(turns[0]):
        return calls_of_tools(called, finish)
    return Answer(said(turns[0]), finish)


def said(turn: Any) -> str:
    """Join the text of a GenAI message's parts; a tool's response is its JSON or text."""
    parts = at(turn, "parts")
    if parts is None:
        return content(at(turn, "content"))
    texts = [at(part, "content") for part in items(parts) if at(part, "type") == "text"]
    results = [part for part in items(parts) if at(part, "type") == "tool_call_response"]
    texts += [at(part, "response") or at(part, "result") for part in results]
    return "\n".join(
        text(one if isinstance(one, str) else json.dumps(one, ensure_ascii=False))
        for one in texts
        if one is not None
    )


def attributes(span: Any) -> dict[str, Any]:
    """Return the attributes of a span and of its events, where content may be, too."""
    values: dict[str, Any] = {}
    for holder in (span, *items(at(span, "events"))):
        held = at(holder, "attributes")
        values |= held if isinstance(held, dict) else _plain(items(held))
    return values


def _plain(pairs: list[Any]) -> dict[str, Any]:
    return {text(at(one, "key")): _value(at(one, "value")) for one in pairs}


def _value(value: Any) -> Any:
    """Convert OTLP's AnyValue to a plain value; an empty one is None."""
    for kind, held in (value or {}).items() if isinstance(value, dict | None) else [(None, None)]:
        match kind:
            case "arrayValue":
                return [_value(one) for one in items(at(held, "values"))]
            case "kvlistValue":
                return _plain(items(at(held, "values")))
            case "intValue":  # OTLP's JSON has whole numbers as texts
                return int(held) if isinstance(held, str) and WHOLE.fullmatch(held) else held
            case "stringValue" | "doubleValue" | "boolValue" | "bytesValue":
                return held
            case _:
                raise BadCall("bad_shape")
    return None


def numbered(values: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Collect turns whose parts are attributes of their own: NAME.0.role, NAME.0.content, ..."""
    turns: list[dict[str, Any]] = []
    for at_turn in counting():
        before = (f"{name}.{at_turn}.", f"{name}.{at_turn}.message.")
        turn = {
            key: values[start + key]
            for start in before
            for key in ("role", "content", "finish_reason")
            if start + key in values
        }
        if not turn:
            return turns
        turns.append(turn)
    return turns
