"""Rows of JSON that hold a request and its response: our own format, and those of gateways and
tracers, which have the same under other names (Langfuse, LangSmith, Helicone, Portkey, Bedrock).

monitor/README.md documents our keys.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lib.monitoring.answers import LoggedAnswer
from lib.monitoring.calls import Call, complete, turns_of
from lib.monitoring.fields import (
    BadCall,
    at,
    decoded,
    id_text,
    lapse_ms,
    number,
    read_error,
    text,
    timestamp,
)
from lib.monitoring.names import (
    BODIES,
    COST,
    ENDED,
    ID,
    LATENCIES,
    MODEL,
    REQUEST,
    RESPONSE,
    STATUS,
    TIME,
    TTFTS,
    first,
    milliseconds,
    plain_name,
)
from lib.monitoring.responses import read_logged_answer, whole_response
from lib.monitoring.usage import tokens_of

_TURNS = ("messages", "prompt", "contents", "input")  # of a request
_KINDS = ("type", "run_type", "span_kind")  # what a tracer calls a row
_ASKS_A_MODEL = ("generation", "llm")
_OTHERS = (
    *("span", "event", "chain", "tool", "retriever", "embedding", "parser", "agent", "guardrail"),
    *("evaluator", "reranker", "prompt", "workflow", "task", "retrieval", "general"),
)
_INVOCATION = "ModelInvocationLog"  # Bedrock's, of which a large request or response is elsewhere
_ERRORS = ("error", "errorCode", "exception")
_FAILED = ("error", "failure", "failed")
_FEEDBACK = ("thumb", "edited", "outcome")


def is_row(row: dict[str, Any]) -> bool:
    """Tell whether an object is a gateway's row of one request, or of another step of a tracer."""
    if "request_id" in row and {"request", "response"} & row.keys():
        return not isinstance(row.get("request"), str) or "{" in row["request"]
    if first(row, TIME) is None:
        return False
    if {"request", "response", "time"} <= row.keys() or _kind(row):
        return True
    asked = _inner(first(row, REQUEST))
    if isinstance(asked, list):
        return any(isinstance(turn, dict) and "role" in turn for turn in asked)
    return isinstance(asked, dict) and any(asked.get(name) for name in _TURNS)


def completed_rows(
    row: dict[str, Any], depth: int = 4, around: dict[str, Any] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the rows in an object whose time, model or usage stand in an object around them."""
    held = (around or {}) | row
    if around and is_row(held) and first(held, RESPONSE) is not None:
        yield held
        return
    names = {plain_name(name) for name in (*REQUEST, *RESPONSE)}
    around = {name: value for name, value in held.items() if plain_name(name) not in names}
    for value in map(decoded, row.values()) if depth else ():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield from completed_rows(one, depth - 1, around)


def _kind(row: dict[str, Any]) -> str | None:
    """Return what a tracer calls the row; None where it is no tracer's."""
    if row.get("schemaType") == _INVOCATION:
        return "llm"
    if not any(name in row for name in ("traceId", "trace_id")):
        return None
    kinds = (str(row.get(name)).lower() for name in _KINDS)
    return next((kind for kind in kinds if kind in (*_ASKS_A_MODEL, *_OTHERS)), None)


def _inner(value: Any) -> Any:
    """Decode a request or a response; of one that was logged with its headers return the body."""
    value = decoded(value)
    if isinstance(value, dict) and (body := first(value, BODIES)) is not None:
        return decoded(body)
    if isinstance(value, dict) and any(name.endswith("S3Path") for name in value):
        return None
    return value


def from_row(row: Any) -> Call:
    """Read a gateway's row of one request; raise BadCall when it is not a call."""
    kind = _kind(row)
    if kind in _OTHERS:
        raise BadCall("other_call")
    asked, response = _inner(first(row, REQUEST)), _inner(first(row, RESPONSE))
    if not isinstance(asked, dict) and not kind and not isinstance(asked, list):
        raise BadCall("no_request")
    error = _error(row)
    hidden = kind is not None and not error and not (asked and response)  # a tracer that hides
    answer = LoggedAnswer() if hidden else _answer(response, kind is not None, failed=bool(error))
    withheld = row.get("withheld") is True or hidden
    start, end = first(row, TIME), first(row, ENDED)
    latency = milliseconds(row, LATENCIES)
    time = timestamp(start if start is not None else at_created(response))
    if latency is None and end is not None:
        latency = lapse_ms(time, timestamp(end))
    asked_for, answered = _tokens(row, response)
    return complete(
        Call(
            time=time,
            id=id_text(first(row, ID)),
            model=_model(row, asked),
            messages=_messages(asked, may_lack=bool(error) or withheld),
            answer="",
            input_tokens=asked_for,
            output_tokens=answered,
            latency_ms=latency,
            ttft_ms=milliseconds(row, TTFTS),
            cost=number(first(row, COST)),
            confidence=number(row.get("confidence")),
            error=error,
            feedback=read_feedback(row.get("feedback")),
            withheld=withheld,
        ),
        replace(answer, tools=answer.tools or row.get("tools") is True),
    )


def _tokens(row: dict[str, Any], response: Any) -> tuple[int | None, int | None]:
    """Return tokens of prompt and answer, which may stand in the row, its bodies or a stream."""
    try:
        response = whole_response(response)
    except BadCall:
        response = None  # of a request that failed
    bodies = decoded(first(row, REQUEST)), decoded(first(row, RESPONSE))
    return tokens_of(response, row.get("usage"), row, *bodies)


def _answer(response: Any, free: bool, failed: bool) -> LoggedAnswer:
    """Read the answer; of a request that failed there need be none."""
    try:
        return read_logged_answer(response, free)
    except BadCall:
        if not failed:
            raise
        return LoggedAnswer()


def at_created(response: Any) -> Any:
    """Return when a response of OpenAI's API was made, to the second."""
    return response.get("created") if isinstance(response, dict) else None


def _messages(asked: Any, *, may_lack: bool) -> Any:
    turns = first(asked, _TURNS) if isinstance(asked, dict) else asked
    return turns_of(turns, may_lack=may_lack)


def _model(row: dict[str, Any], asked: Any) -> str:
    said = first(row, MODEL) or (asked.get("model") if isinstance(asked, dict) else None)
    return text(said)


def _error(row: dict[str, Any]) -> str | None:
    """Return what went wrong: what the row says, an HTTP status of failure."""
    for name in _ERRORS:
        if said := read_error(row.get(name)):
            return said
    said = first(row, ("statusMessage",))
    said = text(said) if isinstance(said, str) else ""
    if str(row.get("level")).lower() == "error" or row.get("success") is False:
        return said or "failed"
    for place in (row, decoded(first(row, RESPONSE))):
        status = first(place, STATUS) if isinstance(place, dict) else None
        if str(status).lower() in _FAILED:
            return said or "failed"
        if str(status).isdecimal() and int(str(status)) >= 400:
            return f"HTTP {status}"
    return None


def read_feedback(value: Any) -> dict[str, str]:
    """Read what the user or the ticket said of the answer; unknown keys are dropped."""
    return {key: said for key in _FEEDBACK if (said := text(at(value, key)))}
