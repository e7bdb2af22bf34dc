"""Read OpenTelemetry: GenAI spans and events with captured content.

They come as OTLP/JSON from the collector's file exporter, or from the SDK's console exporter.
Supported are the semantic conventions from 1.37 on (gen_ai.input.messages, gen_ai.output.messages)
and, by numbered.py, those of 1.27, OpenLLMetry and OpenInference; events.py has the versions in
between.
"""

import json
from collections.abc import Iterator
from typing import Any

from lib.monitoring.answers import LoggedAnswer, calls_of_tools, finish_of, message_answer
from lib.monitoring.calls import Call, complete, turns_of
from lib.monitoring.fields import (
    BadCall,
    at,
    decoded,
    id_text,
    items,
    lapse_ms,
    text,
)
from lib.monitoring.messages import content
from lib.monitoring.numbered import as_genai
from lib.monitoring.responses import read_logged_answer
from lib.monitoring.spans import attributes, span_key, span_times
from lib.monitoring.usage import tokens_of

SIGNALS = ("resourceSpans", "resourceLogs", "resourceMetrics", "batches")  # the last: Tempo's
SCOPES = ("scopeSpans", "scopeLogs", "scopeMetrics", "instrumentationLibrarySpans")
PARTS = ("spans", "logRecords")
_ASKS_A_MODEL = ("chat", "text_completion", "generate_content", "completion")
_OTHERS = (  # operations that are not a request to a generating model
    *("embeddings", "embedding", "execute_tool", "create_agent", "invoke_agent", "retrieval"),
    *("invoke_workflow", "rerank", "image_generation", "speech", "transcription", "moderation"),
)
_TURN = {"role", "content", "parts"}  # keys of a message
_RESPONSE = {"choices", "candidates", "output"}  # keys of a response logged verbatim


def is_telemetry(row: dict[str, Any]) -> bool:
    """Tell whether an object is a line of OTLP, or a trace as Tempo returns it."""
    batches = row.get("batches")
    first = batches[0] if isinstance(batches, list) and batches else None
    known = isinstance(first, dict) and bool(first.keys() & set(SCOPES))
    return known or any(name in row for name in SIGNALS[:3])


def parts_of(row: dict[str, Any]) -> Iterator[Any]:
    """Yield the spans and log records of a line of OTLP; metrics have none.

    Raises BadCall if they have unknown names.
    """
    for signal in SIGNALS:
        for resource in items(row.get(signal)):
            known = [scope for scope in SCOPES if at(resource, scope) is not None]
            if not known and any(isinstance(held, list) for held in (resource or {}).values()):
                raise BadCall("unknown_shape")
            for scope in known:
                for held in items(resource[scope]):
                    yield from (part for name in PARTS for part in items(at(held, name)))


def from_span(span: Any) -> Call:
    """Read a GenAI span or event; raise BadCall for another kind or convention."""
    values = as_genai(attributes(span))
    check_operation(values)
    failed = _error(span, values)
    start, end = span_times(span)
    asked_for, answered = tokens_of(values_of_usage(values))
    turns = [_turn(turn) for turn in _list(values.get("gen_ai.input.messages"))]
    answer = _answer(values)
    withheld = not failed and (not turns or answer is None)  # capturing content is off by default
    return complete(
        Call(
            time=start,
            id=id_text(values.get("gen_ai.response.id")) or span_key(span),
            model=text(values.get("gen_ai.response.model") or values.get("gen_ai.request.model")),
            messages=turns_of(_system(values) + turns, may_lack=bool(failed) or withheld),
            answer="",
            input_tokens=asked_for,
            output_tokens=answered,
            latency_ms=lapse_ms(start, end),
            error=failed,
            withheld=withheld,
            half=span_key(span) if withheld or end is None else "",
        ),
        answer or LoggedAnswer(),
    )


def check_operation(values: dict[str, Any]) -> None:
    """Raise BadCall if attributes are not from a request to a chat or completion model."""
    operation = values.get("gen_ai.operation.name") or values.get("llm.request.type")
    if operation in _ASKS_A_MODEL or (operation is None and values.get("gen_ai.input.messages")):
        return
    genai = any(name.startswith(("gen_ai.", "llm.")) for name in values)
    other = operation in _OTHERS or values.get("openinference.span.kind", "LLM") != "LLM"
    raise BadCall("unknown_operation" if genai and not other else "other_call")


def _error(span: Any, values: dict[str, Any]) -> str | None:
    failed = at(span, "status", "code") in (2, "STATUS_CODE_ERROR")
    failed |= at(span, "status", "status_code") == "ERROR"  # of the SDK's console exporter
    failed |= at(span, "status_code") == "ERROR"  # of Phoenix
    return text(values.get("error.type")) or "failed" if failed or "error.type" in values else None


def values_of_usage(values: dict[str, Any]) -> dict[str, Any]:
    """Return the token counts in attributes, under the names of a response."""
    begin = "gen_ai.usage."
    return {name[len(begin) :]: one for name, one in values.items() if name.startswith(begin)}


def _list(value: Any) -> list[Any]:
    logged, value = value, decoded(value)
    if isinstance(value, dict) and "messages" in value:  # the request itself
        value = value["messages"]
    if isinstance(value, dict) and not _TURN & value.keys():  # an answer that is JSON
        return [{"role": "user", "content": logged}]
    if isinstance(value, str):
        if value.lstrip()[:1] in ("[", "{"):  # truncated by an exporter's limit
            raise BadCall("invalid_json")
        return [{"role": "user", "content": value}]  # a prompt or answer that is not a chat
    return [value] if isinstance(value, dict) else items(value)


def _turn(turn: Any) -> dict[str, Any]:
    return {"role": at(turn, "role") or "user", "content": _said(turn)}


def _system(values: dict[str, Any]) -> list[dict[str, Any]]:
    parts = _list(values.get("gen_ai.system_instructions"))
    return [{"role": "system", "content": _said({"parts": parts})}] if parts else []


def _answer(values: dict[str, Any]) -> LoggedAnswer | None:
    """Read the first answer; None if the span has none (not necessarily a failure)."""
    turns = values.get("gen_ai.output.messages")
    if turns is None:
        return None
    if isinstance(whole := decoded(turns), dict) and _RESPONSE & whole.keys():
        return read_logged_answer(whole)
    if not (turns := _list(turns)):
        return LoggedAnswer(missing="no output")
    reasons = decoded(values.get("gen_ai.response.finish_reasons"))
    reason = reasons if isinstance(reasons, str) else at(reasons, 0)
    finish = finish_of(at(turns[0], "finish_reason") or reason)
    called = [part for part in items(at(turns[0], "parts")) if at(part, "type") == "tool_call"]
    if (called or at(turns[0], "tool_calls")) and not _said(turns[0]):
        return calls_of_tools(called, finish) if called else message_answer(turns[0], finish)
    return LoggedAnswer(_said(turns[0]), finish)


def _said(turn: Any) -> str:
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
