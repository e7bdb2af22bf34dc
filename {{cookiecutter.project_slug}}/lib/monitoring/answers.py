"""Define an answer in monitoring, with OpenAI's names for finish reasons."""

import json
from dataclasses import dataclass
from typing import Any

from lib.monitoring.fields import at, decoded, items, text
from lib.monitoring.messages import content

FINISH = {  # finish reasons of other APIs -> OpenAI's
    "end_turn": "stop",
    "stop_sequence": "stop",
    "completed": "stop",
    "eos_token": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "tool_call": "tool_calls",
    "function_call": "tool_calls",
    "refusal": "content_filter",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "safety": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "recitation": "content_filter",
    "spii": "content_filter",
}
_FAILED = ("error", "abort", "failed", "cancelled")  # finish reasons of failed requests


@dataclass
class LoggedAnswer:
    """The answer in a response; `missing` is the reason if there is none."""

    text: str = ""
    finish: str | None = None  # stop, length, tool_calls, content_filter, ...
    refused: bool = False  # according to the API itself
    tools: bool = False  # the answer is tool calls; `text` has their names and arguments
    part: bool = False  # one chunk of a stream
    missing: str | None = None

    def __post_init__(self) -> None:
        """Set failed and refused by the finish reason."""
        if self.finish in _FAILED:
            self.missing = self.missing or self.finish
        self.refused |= self.finish == "content_filter"


def finish_of(value: Any) -> str | None:
    """Return OpenAI's name for a finish reason; None if there is none."""
    reason = text(value).lower().replace("-", "_")
    return FINISH.get(reason, reason) or None


def message_answer(message: Any, finish: str | None) -> LoggedAnswer:
    """Read an OpenAI message: its text, else its refusal, else its tool calls."""
    if said := content(at(message, "content")):
        return LoggedAnswer(said, finish)
    if refusal := text(at(message, "refusal")):
        return LoggedAnswer(refusal, finish, refused=True)
    called = items(at(message, "tool_calls"))
    asked = [at(one, "function") for one in called] or [at(message, "function_call")]
    return calls_of_tools([one for one in asked if one], finish)


def calls_of_tools(calls: list[Any], finish: str | None) -> LoggedAnswer:
    """Build an answer from tool calls, with names and arguments; empty without any."""
    said = [
        {
            "name": at(one, "name"),
            "arguments": decoded(at(one, "arguments") or at(one, "input") or at(one, "args")),
        }
        for one in calls
    ]
    return LoggedAnswer(
        "\n".join(text(json.dumps(one, ensure_ascii=False)) for one in said),
        finish,
        tools=bool(said),
    )
