"""Logs of LiteLLM's proxy and library: its StandardLoggingPayload, an object a line, as its S3, GCS
and file loggers write it, and rows of its table of spend logs."""

from typing import Any

from lib.monitoring.answers import Answer, read_answer
from lib.monitoring.calls import Call, complete, turns_of
from lib.monitoring.fields import (
    BadCall,
    at,
    count,
    decoded,
    identity,
    lapse_ms,
    number,
    read_error,
    text,
    timestamp,
)

ASKS_A_MODEL = (
    *("completion", "acompletion", "text_completion", "atext_completion"),
    *("anthropic_messages", "responses", "aresponses"),
    *("generate_content", "agenerate_content"),
    *("generate_content_stream", "agenerate_content_stream"),
)


def from_litellm(row: dict[str, Any]) -> Call:
    """Read a payload; raise BadCall when it is not a request to a chat or completion model.

    A success without texts is one of a proxy that keeps none. An answer from the cache says nothing
    of the model's speed.
    """
    if row["call_type"] not in ASKS_A_MODEL:
        raise BadCall("other_call")
    error = _error(row)
    asked, response = decoded(row.get("messages")), decoded(row.get("response"))  # of a database
    answer = Answer() if error else read_answer(response)
    if answer.part:
        raise BadCall("partial_answer")  # one chunk, which says neither the answer nor its end
    start, end, first = (
        timestamp(row[key]) if row.get(key) else None
        for key in ("startTime", "endTime", "completionStartTime")
    )
    if start is None:
        raise BadCall("no_time")
    timed = str(row.get("cache_hit")).lower() != "true"
    cost = row.get("response_cost")
    return complete(
        Call(
            time=start,
            id=identity(row.get("id") or row.get("request_id")),
            model=text(row.get("model_group")) or text(row.get("model")),
            messages=turns_of(asked, may_lack=True),
            answer="",
            input_tokens=count(row.get("prompt_tokens")),
            output_tokens=count(row.get("completion_tokens")),
            latency_ms=lapse_ms(start, end) if timed else None,
            # not streamed: the first token's time is set to the end
            ttft_ms=lapse_ms(start, first) if timed and first != end and first else None,
            cost=number(row.get("spend") if cost is None else cost),
            error=error,
            withheld=not error and not (asked and response),
        ),
        answer,
    )


def _error(row: dict[str, Any]) -> str | None:
    """Return what went wrong, None where the request succeeded."""
    if row.get("status") != "failure":
        return None
    said = read_error(row.get("error_str"))
    return said or read_error(at(row.get("error_information"), "error_message")) or "failed"
