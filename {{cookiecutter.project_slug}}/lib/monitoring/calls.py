"""One request to the model and its answer: our log format, a JSON object a line.

monitor/README.md documents the keys. Readers of other gateways' logs are in readers.py.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lib.records import Message, text_of


class BadCall(Exception):
    """A line is no request that can be used; the message is the reason it is counted under."""


@dataclass(slots=True)
class Call:
    """A request as all of monitoring sees it; None where the log does not say."""

    time: float  # seconds since 1970, UTC
    id: str
    model: str
    messages: list[Message]
    answer: str
    finish: str | None = None  # stop, length, ...
    input_tokens: int | None = None
    output_tokens: int | None = None
    latency_ms: float | None = None  # whole answer
    ttft_ms: float | None = None  # first token
    cost: float | None = None
    confidence: float | None = None  # mean token probability, where log-probabilities were logged
    error: str | None = None  # what went wrong; there is no answer then
    feedback: dict[str, str] = field(default_factory=dict)  # thumb, edited, outcome

    def prompt(self) -> str:
        """What is asked, without the system prompt: as records have it."""
        return text_of([turn for turn in self.messages if turn["role"] != "system"])


FEEDBACK = ("thumb", "edited", "outcome")


def from_row(row: dict[str, Any]) -> Call:
    """A line of our own format; raise BadCall when it is none."""
    request, response = row.get("request"), row.get("response")
    if not isinstance(request, dict) or not isinstance(response, dict | None):
        raise BadCall("no_request")
    choice = first_choice(response or {})
    usage = (response or {}).get("usage") or {}
    return Call(
        time=timestamp(row.get("time")),
        id=text(row.get("request_id")),
        model=text(row.get("model")),
        messages=read_messages(request.get("messages")),
        answer=content((choice.get("message") or {}).get("content")),
        finish=choice.get("finish_reason"),
        input_tokens=usage.get("prompt_tokens"),
        output_tokens=usage.get("completion_tokens"),
        latency_ms=number(row.get("latency_ms")),
        ttft_ms=number(row.get("ttft_ms")),
        cost=number(row.get("cost")),
        confidence=number(row.get("confidence")),
        error=row.get("error"),
        feedback=read_feedback(row.get("feedback")),
    )


def to_row(call: Call) -> dict[str, Any]:
    """The call in our format, as `python -m monitor.collect` stores it."""
    message = {"role": "assistant", "content": call.answer}
    choice = {"message": message, "finish_reason": call.finish}
    usage = {"prompt_tokens": call.input_tokens, "completion_tokens": call.output_tokens}
    row: dict[str, Any] = {
        "time": datetime.fromtimestamp(call.time, UTC).isoformat(timespec="milliseconds"),
        "request_id": call.id,
        "model": call.model,
        "request": {"messages": call.messages},
        "response": None if call.error else {"choices": [choice], "usage": usage},
    }
    for key in ("latency_ms", "ttft_ms", "cost", "confidence", "error"):
        if (value := getattr(call, key)) is not None:
            row[key] = value
    return row | ({"feedback": call.feedback} if call.feedback else {})


def timestamp(value: Any) -> float:
    """Seconds since 1970 of an ISO 8601 text (UTC where it names no zone) or of a number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadCall("no_time") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def read_messages(value: Any) -> list[Message]:
    """The turns of a chat; a plain prompt is one turn of the user."""
    if isinstance(value, str):
        return [Message(role="user", content=value)]
    try:
        return [Message(role=turn["role"], content=content(turn["content"])) for turn in value]
    except (KeyError, TypeError):
        raise BadCall("no_messages") from None


def content(value: Any) -> str:
    """The text of a message: a string, none at all, or OpenAI's list of parts."""
    if value is None or isinstance(value, str):
        return value or ""
    parts = [part.get("text") or "" for part in value if isinstance(part, dict)]
    return "\n".join(parts)


def first_choice(response: dict[str, Any]) -> dict[str, Any]:
    """The first of a response's choices, or nothing."""
    choices = response.get("choices")
    return choices[0] if isinstance(choices, list) and choices else {}


def read_feedback(value: Any) -> dict[str, str]:
    """What the user or the ticket said of the answer; keys that are not ours go."""
    if not isinstance(value, dict):
        return {}
    return {key: value[key] for key in FEEDBACK if isinstance(value.get(key), str)}


def text(value: Any) -> str:
    """A string, or nothing."""
    return value if isinstance(value, str) else ""


def number(value: Any) -> float | None:
    """A number, or None."""
    return float(value) if isinstance(value, int | float) and value == value else None


def dumps(call: Call) -> str:
    """The call as one line."""
    return json.dumps(to_row(call), ensure_ascii=False)
