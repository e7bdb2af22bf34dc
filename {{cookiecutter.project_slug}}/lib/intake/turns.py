"""Read the turns of a chat in the forms that people have them: OpenAI, ShareGPT, Gemini, hh-rlhf,
or the text of such a list."""

import re
from typing import Any

from lib.core.records import Message
from lib.intake.cells import Reject, as_text
from lib.intake.unpack import ROLES, TOOL_ROLES, is_turn, refuse_python, unpacked
from lib.intake.unread import Unread, risk

PLAIN = {"role", "content"}
ROLE_KEYS, TEXT_KEYS = ("role", "from", "type"), ("content", "value", "text", "message", "parts")
HH = re.compile(r"(?:^|\n\n)(Human|Assistant): ?")  # how hh-rlhf writes a talk as one text


def user(content: str) -> Message:
    """Make a turn of the user."""
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    """Make a turn of the assistant."""
    return {"role": "assistant", "content": content}


def read_turns(value: Any, unread: Unread) -> list[Message]:
    """Read the turns of a chat, OpenAI's (role, content), ShareGPT's (from, value) or their text.

    Raises Reject (`bad_turns`, `not_text`, and what Unread raises).
    """
    value = unpacked(value) if isinstance(value, str) else value
    if not isinstance(value, list) or not value:
        raise Reject("bad_turns")
    turns = list[Message]()
    for turn in value:
        if isinstance(turn, dict) and turn.keys() == PLAIN and isinstance(turn["content"], str):
            turns.append({"role": read_role(turn["role"]), "content": turn["content"]})
        else:
            turns += read_turn(turn, unread)
    return turns


def read_role(value: Any) -> str:
    """Read a role; raise Reject for one of tools or an unknown one."""
    role = ROLES.get(value) if isinstance(value, str) else None
    if role is None:
        name = str(value).strip().casefold()
        if name in TOOL_ROLES:
            raise Reject("tools", f"role {name}")
        role = ROLES.get(name)
    if role is None:
        raise Reject("bad_turns", f"role {value}")
    return role


def read_turn(turn: Any, unread: Unread) -> list[Message]:
    """Read one turn, whose content may be a list of text parts as in OpenAI's API.

    None for a system turn without content.
    """
    if not isinstance(turn, dict):
        raise Reject("bad_turns")
    if isinstance(turn.get("human"), str) and isinstance(turn.get("assistant"), str):
        said = [user(turn["human"]), assistant(turn["assistant"])]
        note_keys(turn, {"human", "assistant"}, unread)
        return said
    by = next((key for key in ROLE_KEYS if turn.get(key) is not None), "role")
    said_in = next((key for key in TEXT_KEYS if turn.get(key) is not None), "content")
    role, content = read_role(turn.get(by)), turn.get(said_in)
    note_keys(turn, {by, said_in}, unread, weighed=role == "assistant")
    if isinstance(content, list):
        content = "\n".join(read_part(part) for part in content)
    if content is None and role == "system":
        return []
    if not isinstance(content, str):
        raise Reject("bad_turns", f"{said_in} {'null' if content is None else 'is no text'}")
    return [{"role": role, "content": content}]


def note_keys(turn: dict[str, Any], read: set[str], unread: Unread, weighed: bool = True) -> None:
    """Note the keys of a turn that are not read; `ignore` calls them turn.KEY.

    weighed: whether the turn may be learnt; a weight of another changes nothing.
    """
    for key, value in turn.items():
        if key not in read and (weighed or risk(str(key)) != "weight"):
            unread.note(str(key), value, f"turn.{key}")


def read_part(part: Any) -> str:
    """Read the text of a part of a turn; raise Reject for any other part.

    Without its picture a question could not be answered.
    """
    kind = str(part.get("type", "")) if isinstance(part, dict) else ""
    if kind in ("thinking", "reasoning") or (kind == "" and is_thought(part)):
        raise Reject("reasoning", "a part of a turn")
    if kind.startswith(("tool", "function")) or calls(part):
        raise Reject("tools", "a part of a turn")
    text = part.get("text") if isinstance(part, dict) else None
    if not isinstance(text, str):
        raise Reject("not_text", kind)
    return text


def is_thought(part: Any) -> bool:
    """Tell whether a part of Gemini is its reasoning."""
    return isinstance(part, dict) and part.get("thought") is True


def calls(part: Any) -> bool:
    """Tell whether a part of Gemini calls a tool or holds what it returned."""
    return isinstance(part, dict) and bool(part.keys() & {"functionCall", "functionResponse"})


def read_answer(value: Any, unread: Unread, objects: bool) -> list[Message]:
    """Read what is answered: text, one turn, or turns that end with the answer.

    objects: whether an object may be an answer itself. Raises Reject (`not_text`, `stringified`).
    """
    if isinstance(value, str):
        value = unpacked(value)
        if isinstance(value, str):
            refuse_python(value)
            return hh_turns(value) or [assistant(value)]
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return [assistant(value[0])]
    if isinstance(value, dict) and is_turn(value):
        value = [value]
    if isinstance(value, list):
        return read_turns(value, unread)
    if isinstance(value, dict) and not objects:
        raise Reject("not_text", "an object", *value)
    return [assistant(as_text(value))]


def read_prompt(value: Any, unread: Unread) -> list[Message]:
    """Read what is asked, text, a turn or a list of turns, as turns."""
    value = unpacked(value) if isinstance(value, str) else value
    if isinstance(value, dict) and is_turn(value):
        value = [value]
    if isinstance(value, list):
        return read_turns(value, unread)
    text = as_text(value)
    return hh_turns(text) or [user(text)]


def hh_turns(text: str) -> list[Message]:
    r"""Split a talk of hh-rlhf, `\n\nHuman: ...\n\nAssistant: ...`; nothing for any other text.

    An answer that is still to come is none.
    """
    if "Assistant:" not in text or not HH.match(text.lstrip(" ")):
        return []
    parts = HH.split(text.lstrip(" "))[1:]
    turns = [
        user(said.strip()) if who == "Human" else assistant(said.strip())
        for who, said in zip(parts[::2], parts[1::2], strict=True)
    ]
    return turns if turns[-1]["content"] else turns[:-1]


def spoken(turns: list[Message]) -> list[Message]:
    """Drop the system prompts at the start of a chat."""
    start = 0
    while start < len(turns) and turns[start]["role"] == "system":
        start += 1
    return turns[start:]
