"""Define a call: a request to the model and its answer, from any log; write it in our format."""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from lib.core.records import Message, text_of
from lib.evaluate.calls import without_thought
from lib.monitoring.answers import LoggedAnswer
from lib.monitoring.messages import read_messages

WITHHELD = re.compile(  # marks of a withheld or shortened text
    r"redacted(?:-by-litellm)?|[\[<({_*]+ ?(?:redacted|filtered|masked|hidden|removed|omitted)\b.*"
    r"|_+redacted_+|\*{3,}|.*\(litellm_truncated\b.*",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(slots=True)
class Call:
    """A request in monitoring; None for values that the log does not have."""

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
    confidence: float | None = None  # mean token probability, if log-probabilities were logged
    error: str | None = None  # the error; then there is no answer
    feedback: dict[str, str] = field(default_factory=dict)  # thumb, edited, outcome
    refused: bool = False  # the API reports a refusal
    tools: bool = False  # the answer is tool calls
    withheld: bool = False  # the log does not have the texts
    half: str = ""  # trace and span, to join it with OpenTelemetry's other records
    part: bool = False  # a chunk of a streamed answer, not yet a call

    def prompt(self) -> str:
        """Return the prompt without the system prompt, as in records."""
        return text_of([turn for turn in self.messages if turn["role"] != "system"])


def turns_of(value: Any, *, may_lack: bool) -> list[Message]:
    """Read the turns of a request; with `may_lack` (failed or withheld) there may be none."""
    return [] if may_lack and not value else read_messages(value)


def complete(call: Call, answer: LoggedAnswer) -> Call:
    """Add the answer, without thoughts, to its call.

    Without an answer the call has failed. A call without an id gets a hash of its content. Texts
    that a gateway replaced by a mark are withheld.
    """
    call.answer, call.finish = without_thought(answer.text), answer.finish
    call.refused, call.tools, call.part = answer.refused, answer.tools, answer.part
    if answer.missing and not call.error and not call.withheld:
        call.error = answer.missing
    texts = [call.answer, *(turn["content"] for turn in call.messages)]
    call.withheld |= any(WITHHELD.fullmatch(said.strip()) for said in texts)
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


def dumps(call: Call) -> str:
    """Write the call as one line."""
    return json.dumps(to_row(call), ensure_ascii=False)
