"""One request to the model and its answer: our log format, a JSON object a line.

monitor/README.md documents the keys. Readers of other gateways' logs are in readers.py.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lib.core.records import Message, text_of
from lib.monitoring.fields import (
    BadCall,
    at,
    content,
    count,
    identity,
    number,
    read_error,
    read_messages,
    text,
    timestamp,
)


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
        """Return what is asked, without the system prompt, as records have it."""
        return text_of([turn for turn in self.messages if turn["role"] != "system"])


FEEDBACK = ("thumb", "edited", "outcome")


def from_row(row: Any) -> Call:
    """Read a line of our own format; raise BadCall when it is not a call."""
    if not isinstance(row.get("request"), dict):
        raise BadCall("no_request")
    response = row.get("response")
    usage = at(response, "usage")
    return Call(
        time=timestamp(row.get("time")),
        id=identity(row.get("request_id")),
        model=text(row.get("model")),
        messages=read_messages(row["request"].get("messages")),
        answer=content(at(response, "choices", 0, "message", "content")),
        finish=text(at(response, "choices", 0, "finish_reason")) or None,
        input_tokens=count(at(usage, "prompt_tokens")),
        output_tokens=count(at(usage, "completion_tokens")),
        latency_ms=number(row.get("latency_ms")),
        ttft_ms=number(row.get("ttft_ms")),
        cost=number(row.get("cost")),
        confidence=number(row.get("confidence")),
        error=read_error(row.get("error")),
        feedback=read_feedback(row.get("feedback")),
    )


def to_row(call: Call) -> dict[str, Any]:
    """Convert the call to our format, as `python -m monitor.collect` stores it."""
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


def read_feedback(value: Any) -> dict[str, str]:
    """Read what the user or the ticket said of the answer; unknown keys are dropped."""
    return {key: said for key in FEEDBACK if (said := text(at(value, key)))}


def dumps(call: Call) -> str:
    """Write the call as one line."""
    return json.dumps(to_row(call), ensure_ascii=False)
