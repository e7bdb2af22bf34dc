"""Read LiteLLM's logs: StandardLoggingPayload, one per line, and rows of its spend logs."""

from typing import Any

from lib.monitoring.answers import LoggedAnswer
from lib.monitoring.calls import Call, complete, turns_of
from lib.monitoring.fields import (
    BadCall,
    at,
    count,
    decoded,
    id_text,
    lapse_ms,
    number,
    read_error,
    text,
    timestamp,
)
from lib.monitoring.responses import read_logged_answer

_ASKS_A_MODEL = (
    *("completion", "acompletion", "text_completion", "atext_completion"),
    *("anthropic_messages", "responses", "aresponses"),
    *("generate_content", "agenerate_content"),
    *("generate_content_stream", "agenerate_content_stream"),
)
NO_ANSWER = ("embedding", "image", "moderation", "transcription", "speech", "rerank")


def from_litellm(row: dict[str, Any]) -> Call:
    """Read a payload; raise BadCall if it is not a request to a chat or completion model.

    A success without texts is from a proxy that does not log them. An answer from the cache has no
    latency of the model.
    """
    asked, response = _asked(row), decoded(row.get("response"))  # of a database
    kind, error = row["call_type"], _error(row)
    refused = error and not kind  # rejected before routing: over a budget or a limit
    if kind not in _ASKS_A_MODEL and not refused and not (asked and _may_answer(kind, response)):
        raise BadCall("other_call")
    answer = LoggedAnswer() if error else read_logged_answer(response)
    if answer.part:
        raise BadCall("partial_answer")  # a single chunk, without the whole answer
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
            id=id_text(row.get("id") or row.get("request_id")),
            model=text(row.get("model_group")) or text(row.get("model")),
            messages=turns_of(asked, may_lack=True),
            answer="",
            input_tokens=count(row.get("prompt_tokens")),
            output_tokens=count(row.get("completion_tokens")),
            latency_ms=lapse_ms(start, end) if timed else None,
            # not streamed: the time of the first token is that of the end
            ttft_ms=lapse_ms(start, first) if timed and first != end and first else None,
            cost=number(row.get("spend") if cost is None else cost),
            error=error,
            withheld=not error and not (asked and response),
        ),
        answer,
    )


def _may_answer(kind: Any, response: Any) -> bool:
    """Tell whether the response of an unknown route is an answer."""
    keys = {"choices", "candidates", "output", "content"}
    answers = isinstance(response, dict) and bool(keys & response.keys())
    return answers and not any(word in str(kind) for word in NO_ANSWER)


def _asked(row: dict[str, Any]) -> Any:
    """Return the turns; spend logs have them in the proxy's request."""
    if asked := decoded(row.get("messages")):
        return asked
    request = decoded(row.get("proxy_server_request"))
    return (request.get("messages") or request.get("input")) if isinstance(request, dict) else None


def _error(row: dict[str, Any]) -> str | None:
    """Return the error; None if the request succeeded."""
    metadata = decoded(row.get("metadata"))
    places = [place for place in (row, metadata) if isinstance(place, dict)]
    if all(place.get("status") != "failure" for place in places):
        return None
    for place in places:
        said = read_error(place.get("error_str"))
        if said := said or read_error(at(place.get("error_information"), "error_message")):
            return said
    return "failed"
