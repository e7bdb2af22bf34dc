"""Read the turns of a chat: OpenAI's, ShareGPT's, Gemini's, or the text of such a list."""

import json
import re
from typing import Any, cast

from lib.core.turns import Message
from lib.intake.cells import Reject
from lib.intake.parts import read_content_parts, split_thought
from lib.intake.talks import rendered_turns, talk_turns
from lib.intake.tools import called_in, read_calls, returned_in
from lib.intake.unpack import (
    CALL_ROLES,
    RESULT_ROLES,
    ROLES,
    TOOL_ROLES,
    unpacked,
)
from lib.intake.unread import Unread, is_empty, risk, verdict

_PLAIN = {"role", "content"}
ROLE_KEYS = ("role", "from", "author", "speaker", "sender", "type")
TEXT_KEYS = ("content", "value", "text", "message", "parts", "utterance")
_ASKED = ("human", "user", "question", "prompt", "query", "instruction", "input", "q")
_ANSWERED = ("assistant", "gpt", "bot", "answer", "response", "completion", "output", "a")
MARKED = re.compile(
    r"</think>|<tool_call>|<functioncall>|<function=|\[TOOL_CALLS\]|<\|python_tag\|>"
)


def user(content: str) -> Message:
    """Build a user turn."""
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    """Build an assistant turn."""
    return {"role": "assistant", "content": content}


def read_turns(value: Any, unread: Unread) -> list[Message]:
    """Read a chat's turns: OpenAI's (role, content), ShareGPT's (from, value) or their text.

    Raises Reject (`bad_turns`, `not_text`, `tools`, and what Unread raises).
    """
    value = as_turns(unpacked(value) if isinstance(value, str) else value)
    if isinstance(value, str):
        value = rendered_turns(value) or talk_turns(value)
    if not isinstance(value, list) or not value:
        raise Reject("bad_turns")
    turns = list[Message]()
    for turn in value:
        if is_plain(turn):
            turns.append({"role": ROLES[turn["role"]], "content": turn["content"]})
            continue
        for one in read_turn(turn, unread):
            add_turn(turns, one)
    return turns


def spoken(turns: list[Message]) -> list[Message]:
    """Return a chat without the system prompts at its start."""
    start = 0
    while start < len(turns) and turns[start]["role"] == "system":
        start += 1
    return turns[start:]


def as_turns(value: Any) -> Any:
    """Convert one list per key, pairs or alternating texts to a list of turns.

    `datasets` stores a list of objects as an object of lists. Any other value is returned
    unchanged.
    """
    if isinstance(value, dict) and value and all(isinstance(one, list) for one in value.values()):
        same = len({*map(len, value.values())}) == 1
        cells = zip(*value.values(), strict=True) if same else ()
        return [dict(zip(value, one, strict=True)) for one in cells] or value
    if not isinstance(value, list) or not value:
        return value
    if all(isinstance(one, list) and [*map(type, one)] == [str, str] for one in value):
        return [turn for asked, answer in value for turn in (user(asked), assistant(answer))]
    if len(value) % 2 == 0 and all(isinstance(one, str) for one in value):
        return [(user, assistant)[at % 2](text) for at, text in enumerate(value)]
    return value


def is_plain(turn: Any) -> bool:
    """Tell whether a turn has only a role and a plain text (most do)."""
    return (
        isinstance(turn, dict)
        and turn.keys() == _PLAIN
        and isinstance(turn["content"], str)
        and isinstance(turn["role"], str)
        and turn["role"] in ROLES
        and not MARKED.search(turn["content"])
    )


def add_turn(turns: list[Message], turn: Message) -> None:
    """Append a turn; tool calls with a turn of their own (ShareGPT) join the turn before."""
    if turn["role"] != "call":
        turns.append(turn)
    elif turns and turns[-1]["role"] == "assistant":
        turns[-1].setdefault("tool_calls", []).extend(turn["tool_calls"])
        if "weight" in turn:
            turns[-1]["weight"] = 0
    else:
        turns.append({**turn, "role": "assistant"})


def read_role(value: Any) -> str:
    """Read a role; `call` is a turn of tool calls only. Raises Reject for an unknown role."""
    name = value.strip().casefold() if isinstance(value, str) else str(value)
    if name in RESULT_ROLES:
        return "tool"
    if name in CALL_ROLES:
        return "call"
    if name in TOOL_ROLES:
        raise Reject("tools", f"role {name}")
    if name not in ROLES:
        raise Reject("bad_turns", f"role {value}")
    return ROLES[name]


def read_turn(turn: Any, unread: Unread) -> list[Message]:
    """Read one turn as a list of turns; its content may be a list of parts as in OpenAI's API.

    Empty for a system turn without content; several where a part is a tool result.
    """
    if not isinstance(turn, dict):
        raise Reject("bad_turns")
    if both := both_sides(turn):
        note_keys(turn, {*both}, unread)
        return [user(turn[both[0]]), answer_in(turn[both[1]], unread)]
    by = next((key for key in ROLE_KEYS if turn.get(key) is not None), "role")
    said_in = next((key for key in TEXT_KEYS if turn.get(key) is not None), "content")
    role, content = read_role(turn.get(by)), turn.get(said_in)
    if by == "speaker" and role == "system":  # the system that one speaks with (MultiWOZ)
        role = "assistant"
    read = {by, said_in}
    if role == "call":
        weight = weight_of(turn, read, unread)
        note_keys(turn, read, unread)
        text = content if isinstance(content, str) else ""
        called = called_in(text)[1] or read_calls(content)
        return [{"role": "call", "content": "", "tool_calls": called, **weight}]
    if role == "tool":
        return [read_returned(turn, content, read, unread)]
    if role == "assistant":
        return [read_said(turn, content, read, unread)]
    note_keys(turn, read, unread, weighed=False)
    results = list[Message]()
    if isinstance(content, list):
        content, thought, calls, results = read_content_parts(content)
        if thought or calls:
            raise Reject("bad_turns", f"role {role}")
    if content is None and role == "system":
        return []
    if results:
        return [*results, *([user(content)] if content else [])]
    return [{"role": role, "content": text_or_reject(said_in, content)}]


def both_sides(turn: dict[str, Any]) -> tuple[str, str] | None:
    """Return the keys of a question and its answer that stand in one object; None for a turn."""
    asked = [key for key in _ASKED if isinstance(turn.get(key), str)]
    answered = [key for key in _ANSWERED if isinstance(turn.get(key), str)]
    if len(asked) != 1 or len(answered) != 1 or any(turn.get(key) for key in ("role", "from")):
        return None
    return asked[0], answered[0]


def text_or_reject(key: str, content: Any) -> str:
    """Return a text; raise Reject for anything else."""
    if not isinstance(content, str):
        raise Reject("bad_turns", f"{key} {'null' if content is None else 'is no text'}")
    return content


def read_returned(turn: dict[str, Any], content: Any, read: set[str], unread: Unread) -> Message:
    """Read a tool result: text, parts of text, or any other value, which becomes JSON."""
    note_keys(turn, {*read, "name", "tool_call_id"}, unread, weighed=False)
    if isinstance(content, list) and all(
        isinstance(one, dict) and "type" in one for one in content
    ):
        content = read_content_parts(content).text
    if not isinstance(content, str):
        try:
            content = json.dumps(content, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError):
            raise Reject("not_text", type(content).__name__) from None
    result: Message = {"role": "tool", "content": returned_in(content)}
    for key in ("name", "tool_call_id"):
        if isinstance(turn.get(key), str):
            result[key] = turn[key]
    return result


def read_said(turn: dict[str, Any], content: Any, read: set[str], unread: Unread) -> Message:
    """Read an assistant turn: its text, thoughts and calls, and whether it is learnt."""
    thought, calls = "", list[Any]()
    if isinstance(content, list):
        content, thought, calls, _ = read_content_parts(content)
    for key, value in turn.items():
        if key in read or is_empty(value) or f"turn.{key}" in unread.ignored:
            continue
        if key in ("tool_calls", "function_call"):
            calls = [*calls, *read_calls(value)]
            read.add(key)
        elif risk(key) == "reasoning" and isinstance(value, str):
            if thought and thought != value:
                raise Reject("reasoning", f"turn.{key}: a second one")
            thought = value
            read.add(key)
    weight = weight_of(turn, read, unread)
    note_keys(turn, read, unread)
    if content is None and calls:
        content = ""
    answer = answer_in(text_or_reject("content", content), unread, split=not calls)
    if thought and "turn.reasoning_content" not in unread.ignored:
        answer["reasoning_content"] = thought
    if calls:
        answer["tool_calls"] = calls
    return {**answer, **weight}


def answer_in(text: str, unread: Unread, split: bool = True) -> Message:
    """Build an assistant turn from a text that may hold a thought and (`split`) tool calls."""
    thought, text = split_thought(text)
    said, calls = called_in(text) if split else (text, [])
    answer = assistant(said)
    if thought and "turn.reasoning_content" not in unread.ignored:
        answer["reasoning_content"] = thought
    if calls:
        answer["tool_calls"] = calls
    return answer


def weight_of(turn: dict[str, Any], read: set[str], unread: Unread) -> Message:
    """Read whether a turn is learnt: weight 0, train false or loss false mark it as context."""
    found = cast(Message, {})
    for key, value in turn.items():
        if key in read or risk(key) != "weight" or f"turn.{key}" in unread.ignored:
            continue
        if verdict(value) is False:
            found["weight"] = 0
            read.add(key)
    return found


def note_keys(turn: dict[str, Any], read: set[str], unread: Unread, weighed: bool = True) -> None:
    """Note the unread keys of a turn; `ignore` names them turn.KEY.

    weighed: whether the turn may be learnt; on other turns a weight changes nothing.
    """
    for key, value in turn.items():
        if key not in read and (weighed or risk(str(key)) != "weight"):
            unread.note(str(key), value, f"turn.{key}")
