"""Read the content of a turn that is a list of parts (OpenAI, Anthropic), and thoughts in it."""

import re
from typing import Any, NamedTuple

from lib.core.turns import Message, ToolCall
from lib.intake.cells import Reject
from lib.intake.tools import read_calls

_THOUGHT = re.compile(r"\s*(?:<think>)?(.*?)</think>\s*(.*)", re.DOTALL)

_CALLS = ("functionCall", "functionResponse", "toolUse", "toolResult")


class Content(NamedTuple):
    """The content of a turn: its text, thoughts, tool calls, and results of earlier calls."""

    text: str
    thought: str = ""
    calls: list[ToolCall] = []
    results: list[Message] = []


def read_content_parts(parts: list[Any]) -> Content:
    """Read a list of content parts; raise Reject for an image, and for Gemini's thoughts."""
    texts, thoughts = list[str](), list[str]()
    calls, results = list[ToolCall](), list[Message]()
    for part in parts:
        kind = str(part.get("type", "")) if isinstance(part, dict) else ""
        if kind in ("thinking", "reasoning"):
            thoughts.append(thought_of(part, kind))
        elif kind == "tool_use":
            calls += read_calls(part)
        elif kind == "tool_call" and "value" in part:  # LLaMA-Factory
            calls += read_calls(part["value"])
        elif kind == "tool_result":
            results.append(read_result(part))
        else:
            texts.append(read_part(part, kind))
    return Content("\n".join(texts), "\n".join(thoughts), calls, results)


def thought_of(part: dict[str, Any], kind: str) -> str:
    """Return the text of a thought; raise Reject for one that is hidden."""
    thought = part.get(kind, part.get("text", part.get("value")))
    if not isinstance(thought, str):
        raise Reject("reasoning", "a part of a turn")
    return thought


def read_result(part: dict[str, Any]) -> Message:
    """Read a tool result that is part of a user turn, as in Anthropic's API."""
    content = part.get("content", "")
    text = read_content_parts(content).text if isinstance(content, list) else content
    if not isinstance(text, str):
        raise Reject("tools", "a result that is no text")
    told = part.get("tool_use_id", "")
    return {"role": "tool", "content": text, "tool_call_id": str(told)}


def read_part(part: Any, kind: str) -> str:
    """Read the text of a content part; raise Reject for a part of any other type.

    A question could not be answered without its image.
    """
    if kind == "" and is_thought(part):
        raise Reject("reasoning", "a part of a turn")
    if kind.startswith(("tool", "function")) or calls(part):
        raise Reject("tools", "a part of a turn")
    known = isinstance(part, dict)
    text = part.get("text", part.get("value") if kind == "text" else None) if known else None
    if not isinstance(text, str):
        raise Reject("not_text", kind)
    return text


def is_thought(part: Any) -> bool:
    """Tell whether a content part of Gemini is its reasoning."""
    return isinstance(part, dict) and part.get("thought") is True


def calls(part: Any) -> bool:
    """Tell whether a part of Gemini or Bedrock calls a tool or holds what it returned."""
    return isinstance(part, dict) and not part.keys().isdisjoint(_CALLS)


def split_thought(text: str) -> tuple[str, str]:
    """Split an answer that begins with `<think>` tags into (thought, rest)."""
    if "</think>" not in text:
        return "", text
    found = _THOUGHT.fullmatch(text)
    if not found or "<think>" in found[1] or "think>" in found[2]:
        return "", text
    return found[1].strip(), found[2]
