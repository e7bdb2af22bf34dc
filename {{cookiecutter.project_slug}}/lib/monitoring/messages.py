"""Read the turns of a request and their texts, in the formats of all APIs that gateways log."""

from typing import Any

from lib.core.records import Message
from lib.monitoring.fields import BadCall, at, decoded, items, text

_ROLES = {  # Gemini's, LangChain's
    **{"model": "assistant", "ai": "assistant", "AIMessage": "assistant"},
    **{"human": "user", "HumanMessage": "user"},
    **{"developer": "system", "SystemMessage": "system"},
    "ToolMessage": "tool",
}
_KINDS = ("human", "ai", "system", "tool")  # LangChain's `type`, if there is no role


def read_messages(value: Any) -> list[Message]:
    """Read the turns of a chat; a plain prompt is one user turn.

    Raises BadCall if there are none.
    """
    value = decoded(value)
    if isinstance(value, str):
        return [Message(role="user", content=text(value))]
    values = items(value)
    if len(values) == 1 and isinstance(values[0], list):  # LangChain: a batch of chats
        values = values[0]
    turns = [turn for one in values if (turn := _turn(one))]
    if not turns:
        raise BadCall("no_messages")
    return turns


def _turn(value: Any) -> Message | None:
    """Read a turn; of items without a role (Responses API), only tool outputs are turns."""
    if isinstance(value, str):
        return Message(role="user", content=text(value))
    if not isinstance(value, dict):
        raise BadCall("bad_shape")
    kind = value.get("type")
    if kind == "function_call_output":
        return Message(role="tool", content=content(at(value, "output")))
    if kind in ("reasoning", "function_call") and at(value, "role") is None:
        return None
    if kind == "constructor":  # LangChain's serialized objects: the class name is the role
        name, held = items(value.get("id"))[-1:], value.get("kwargs")
        value = {"role": name[0] if name else "", "content": at(held, "content")}
    role = text(value.get("role")) or (kind if kind in _KINDS else "")
    if not role and "parts" in value:  # Gemini's default
        role = "user"
    if not role:
        raise BadCall("no_messages")
    said = value["content"] if "content" in value else value.get("parts")
    return Message(role=_ROLES.get(role, role), content=content(said))


def content(value: Any) -> str:
    """Return the text of a message's content: a string, None, or a list of parts of any API."""
    if isinstance(value, str | None):
        return text(value)
    return "\n".join(
        text(part) if isinstance(part, str) else _part(at(part, "text"), at(part, "content"))
        for part in items(value)
        if isinstance(part, str) or not at(part, "thought")
    )


def _part(said: Any, inner: Any) -> str:
    """Return the text of a part; that of a tool result is one level deeper."""
    return text(said) if said is not None else content(inner)
