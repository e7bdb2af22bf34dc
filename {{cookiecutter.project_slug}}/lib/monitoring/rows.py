"""Rows of JSON that hold a request and its response: our own format, and those of gateways and
tracers, which have the same under other names (Langfuse, LangSmith, Helicone, Portkey, Bedrock).

monitor/README.md documents our keys.
"""

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
from lib.monitoring.responses import read_logged_answer
from lib.monitoring.usage import tokens_of

# By which names a row may have it, ours first.
_TIME = (
    *("time", "timestamp", "start_time", "startTime", "request_created_at", "created_at"),
    *("started_at", "timestamp_ms", "requestedAt"),
)
_END = ("end_time", "endTime", "response_created_at")
ID = ("request_id", "requestId", "id")
MODEL = ("model", "modelId", "response_model", "request_model", "ai_model")
REQUEST = ("request", "request_body", "requestBody", "inputs", "input")
RESPONSE = ("response", "response_body", "responseBody", "outputs", "output")
LATENCY = ("latency_ms", "delay_ms", "execution_time_ms")
TTFT = ("ttft_ms", "time_to_first_token")
COST = ("cost", "calculatedTotalCost", "totalCost", "total_cost")
_STATUS = ("status_code", "statusCode", "response_status", "response_status_code", "status")
BODIES = ("body", "inputBodyJson", "outputBodyJson")  # inside of a request or a response
_TURNS = ("messages", "prompt", "contents", "input")  # of a request
_KINDS = ("type", "run_type")  # what a tracer calls a row
_ASKS_A_MODEL = ("generation", "llm")
_OTHERS = (
    *("span", "event", "chain", "tool", "retriever", "embedding", "parser", "agent", "guardrail"),
    *("evaluator", "reranker", "prompt"),
)
_FAILED = ("error", "failure", "failed")
_FEEDBACK = ("thumb", "edited", "outcome")


def is_row(row: dict[str, Any]) -> bool:
    """Tell whether an object is such a row, of a request to a model or of a tracer's other step."""
    if "request_id" in row and {"request", "response"} & row.keys():
        return not isinstance(row.get("request"), str) or "{" in row["request"]
    if not any(name in row for name in _TIME):
        return False
    if {"request", "response", "time"} <= row.keys() or _kind(row):
        return True
    asked = _inner(first(row, REQUEST))
    if isinstance(asked, list):
        return any(isinstance(turn, dict) and "role" in turn for turn in asked)
    return isinstance(asked, dict) and any(asked.get(name) for name in _TURNS)


def _kind(row: dict[str, Any]) -> str | None:
    """Return what a tracer calls the row; None where it is no tracer's."""
    if not any(name in row for name in ("traceId", "trace_id")):
        return None
    kinds = (str(row.get(name)).lower() for name in _KINDS)
    return next((kind for kind in kinds if kind in (*_ASKS_A_MODEL, *_OTHERS)), None)


def first(row: Any, names: tuple[str, ...]) -> Any:
    """Return the value of the first of the names that the row has one for."""
    return next((row[name] for name in names if row.get(name) is not None), None)


def _inner(value: Any) -> Any:
    """Decode a request or a response; of one that was logged with its headers return the body."""
    value = decoded(value)
    if isinstance(value, dict) and (body := first(value, BODIES)) is not None:
        return decoded(body)
    return value


def from_row(row: Any) -> Call:
    """Read such a row; raise BadCall when it is not a call."""
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
    start, end = first(row, _TIME), first(row, _END)
    latency = number(first(row, LATENCY))
    time = timestamp(start if start is not None else at_created(response))
    if latency is None and end is not None:
        latency = lapse_ms(time, timestamp(end))
    asked_for, answered = tokens_of(response, row.get("usage"), row)
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
            ttft_ms=number(first(row, TTFT)),
            cost=number(first(row, COST)),
            confidence=number(row.get("confidence")),
            error=error,
            feedback=read_feedback(row.get("feedback")),
            withheld=withheld,
        ),
        replace(answer, tools=answer.tools or row.get("tools") is True),
    )


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
    if said := read_error(row.get("error")) or read_error(row.get("errorCode")):
        return said
    said = text(row["statusMessage"]) if isinstance(row.get("statusMessage"), str) else ""
    if str(row.get("level")).lower() == "error" or row.get("success") is False:
        return said or "failed"
    for place in (row, decoded(first(row, RESPONSE))):
        status = first(place, _STATUS) if isinstance(place, dict) else None
        if str(status).lower() in _FAILED:
            return said or "failed"
        if str(status).isdecimal() and int(str(status)) >= 400:
            return f"HTTP {status}"
    return None


def read_feedback(value: Any) -> dict[str, str]:
    """Read what the user or the ticket said of the answer; unknown keys are dropped."""
    return {key: said for key in _FEEDBACK if (said := text(at(value, key)))}
