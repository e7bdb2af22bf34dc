"""Join streamed responses that were logged verbatim: server-sent events, or a list of chunks."""

import json
from typing import Any

from lib.monitoring.fields import BadCall, at, items, text
from lib.monitoring.messages import content

DONE = "[DONE]"


def events_of(response: Any) -> list[Any]:
    """List the events of a stream logged as one text or list; [] for anything else.

    Raises BadCall if an event is truncated.
    """
    if isinstance(response, list):
        return response
    if not isinstance(response, str) or not response.lstrip().startswith(("data:", "event:")):
        return []
    lines = [line.strip() for line in response.splitlines()]
    data = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
    try:
        return [json.loads(one) for one in data if one and one != DONE]
    except (ValueError, RecursionError):
        raise BadCall("partial_answer") from None


def joined_events(events: list[Any]) -> dict[str, Any]:
    """Join the events of a stream to the API's non-streamed response.

    Raises BadCall for an unknown API.
    """
    kinds = {str(one["type"]) for one in events if isinstance(one, dict) and "type" in one}
    for event in events:
        if at(event, "error"):
            return {"error": event["error"]}
        if at(event, "type") in ("response.completed", "response.incomplete", "response.failed"):
            return _whole(event)
    if "content_block_delta" in kinds or "message_delta" in kinds:
        return _anthropic(events)
    if any(isinstance(one, dict) and "choices" in one for one in events):
        return _openai(events)
    raise BadCall("partial_answer" if kinds else "bad_shape")


def _whole(event: Any) -> dict[str, Any]:
    response = at(event, "response")
    if not isinstance(response, dict):
        raise BadCall("bad_shape")
    return response


def _openai(events: list[Any]) -> dict[str, Any]:
    """Join chunks: text of the first choice, its tool calls by index, and the last usage."""
    said, finish, usage = "", None, None
    tools: dict[Any, dict[str, str]] = {}
    for event in events:
        usage = at(event, "usage") or usage
        for choice in items(at(event, "choices")):
            if at(choice, "index") not in (0, None):
                continue
            said += text(at(choice, "text")) + content(at(choice, "delta", "content"))
            finish = at(choice, "finish_reason") or finish
            for called in items(at(choice, "delta", "tool_calls")):
                held = tools.setdefault(str(at(called, "index")), {"name": "", "arguments": ""})
                for key in held:
                    held[key] += text(at(called, "function", key))
    message = {"content": said, "tool_calls": [{"function": one} for one in tools.values()]}
    return {"choices": [{"message": message, "finish_reason": finish}], "usage": usage}


def _anthropic(events: list[Any]) -> dict[str, Any]:
    said, usage, finish, tools = "", dict[str, Any](), None, list[dict[str, Any]]()
    for event in events:
        said += text(at(event, "delta", "text"))
        finish = at(event, "delta", "stop_reason") or finish
        if at(event, "content_block", "type") == "tool_use":
            tools.append(
                {"type": "tool_use", "name": event["content_block"].get("name"), "input": ""}
            )
        if tools:
            tools[-1]["input"] += text(at(event, "delta", "partial_json"))
        for held in (at(event, "usage"), at(event, "message", "usage")):
            usage |= held if isinstance(held, dict) else {}
    parts = [{"type": "text", "text": said}] if said else []
    return {"content": [*parts, *tools], "stop_reason": finish, "usage": usage}
