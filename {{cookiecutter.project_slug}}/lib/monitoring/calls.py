"""One request to the model and its answer: our log format, a JSON object a line.

monitor/README.md documents the keys. readers.py says which other formats are read.
"""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from lib.core.records import Message, text_of
from lib.monitoring.answers import Answer, read_answer
from lib.monitoring.fields import (
    BadCall,
    at,
    count,
    decoded,
    identity,
    number,
    read_error,
    read_messages,
    text,
    timestamp,
)

WITHHELD = {"redacted-by-litellm", "redacted", "[redacted]", "<redacted>"}  # in place of a text


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
    refused: bool = False  # the API says that the answer is a refusal
    tools: bool = False  # the answer is a call of tools
    withheld: bool = False  # the log does not have the texts: nothing can be said of them
    half: bool = False  # OpenTelemetry may say more of it in another place
    part: bool = False  # a chunk of a streamed answer, not yet a call

    def prompt(self) -> str:
        """Return what is asked, without the system prompt, as records have it."""
        return text_of([turn for turn in self.messages if turn["role"] != "system"])


FEEDBACK = ("thumb", "edited", "outcome")


def from_row(row: Any) -> Call:
    """Read a line of our own format; raise BadCall when it is not a call."""
    request, error = decoded(row.get("request")), read_error(row.get("error"))
    if not isinstance(request, dict):
        raise BadCall("no_request")
    response = decoded(row.get("response"))
    answer = Answer() if error and not response else read_answer(response)
    usage = at(response, "usage") if isinstance(response, dict) else None
    turns = request.get("messages") or request.get("prompt") or request.get("input")
    withheld = row.get("withheld") is True
    return complete(
        Call(
            time=timestamp(row.get("time")),
            id=identity(row.get("request_id")),
            model=text(row.get("model")),
            messages=turns_of(turns, may_lack=bool(error) or withheld),
            answer="",
            input_tokens=count(at(usage, "prompt_tokens")),
            output_tokens=count(at(usage, "completion_tokens")),
            latency_ms=number(row.get("latency_ms")),
            ttft_ms=number(row.get("ttft_ms")),
            cost=number(row.get("cost")),
            confidence=number(row.get("confidence")),
            error=error,
            feedback=read_feedback(row.get("feedback")),
            withheld=withheld,
        ),
        replace(answer, tools=answer.tools or row.get("tools") is True),
    )


def turns_of(value: Any, *, may_lack: bool) -> list[Message]:
    """Read the turns of a request; of one that failed or is withheld the log may have none."""
    return [] if may_lack and not value else read_messages(value)


def complete(call: Call, answer: Answer) -> Call:
    """Put the answer into its call.

    Without an answer the call has failed. One without an id is named by a hash of what it is. Where
    a gateway put a mark in place of the texts they are withheld.
    """
    call.answer, call.finish = answer.text, answer.finish
    call.refused, call.tools, call.part = answer.refused, answer.tools, answer.part
    if answer.missing and not call.error and not call.withheld:
        call.error = answer.missing
    texts = [call.answer, *(turn["content"] for turn in call.messages)]
    call.withheld |= any(said.strip().lower() in WITHHELD for said in texts)
    if not call.id:
        said = json.dumps([call.time, call.model, call.messages])
        call.id = blake2b(said.encode(), digest_size=8).hexdigest()
    return call


def to_row(call: Call) -> dict[str, Any]:
    """Convert the call to our format, as `python -m monitor.collect` stores it."""
    key = "refusal" if call.refused else "content"
    message = {"role": "assistant", key: call.answer}
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
    row |= {key: True for key in ("tools", "withheld") if getattr(call, key)}
    return row | ({"feedback": call.feedback} if call.feedback else {})


def read_feedback(value: Any) -> dict[str, str]:
    """Read what the user or the ticket said of the answer; unknown keys are dropped."""
    return {key: said for key in FEEDBACK if (said := text(at(value, key)))}


def dumps(call: Call) -> str:
    """Write the call as one line."""
    return json.dumps(to_row(call), ensure_ascii=False)
