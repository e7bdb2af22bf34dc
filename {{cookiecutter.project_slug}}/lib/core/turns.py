"""Define a turn of a chat (text, tool calls, thoughts), and the text by which turns are compared.

A record stores tools in OpenAI's format (`tools`). In memory they are attached to the system turn,
so that a chat is a single list, whether it goes to the chat template or to a server.
"""

import json
from collections.abc import Iterable
from typing import Any, NotRequired, TypedDict, cast

MORE = {"tool_calls", "reasoning_content"}

Tool = dict[str, Any]  # OpenAI's: {"type": "function", "function": {"name", "parameters", ...}}


class Function(TypedDict):
    """The name and arguments of a tool call."""

    name: str
    arguments: dict[str, Any]


class ToolCall(TypedDict):
    """One call of a tool, as chat templates take it."""

    id: str
    type: str
    function: Function


class Message(TypedDict):
    """One turn of a chat; role is system, user, assistant or tool.

    `weight` 0 marks an answer that is context and not learnt. `tools` is only in memory.
    """

    role: str
    content: str
    reasoning_content: NotRequired[str]
    tool_calls: NotRequired[list[ToolCall]]
    tool_call_id: NotRequired[str]  # of a tool's turn: the call that it answers
    name: NotRequired[str]  # of a tool
    weight: NotRequired[int]
    tools: NotRequired[list[Tool]]  # of a system turn


def call_text(call: ToolCall) -> str:
    """Write a call in one way, keys sorted (the form of Hermes and Qwen)."""
    function = call["function"]
    arguments = json.dumps(function["arguments"], ensure_ascii=False, sort_keys=True)
    name = json.dumps(function["name"], ensure_ascii=False)
    return f'<tool_call>\n{{"name": {name}, "arguments": {arguments}}}\n</tool_call>'


def said(turn: Message) -> str:
    """Return the text and tool calls of a turn as one string, without its thoughts."""
    calls = turn.get("tool_calls")
    if not calls:
        return turn["content"]
    return "\n".join(filter(None, [turn["content"], *map(call_text, calls)]))


def whole(turn: Message) -> str:
    """Return the thoughts, text and tool calls of a turn as one string."""
    thought = turn.get("reasoning_content", "")
    return f"{thought}\n{said(turn)}" if thought else said(turn)


def text_of(messages: Iterable[Message]) -> str:
    """Join the texts of turns, one per line, without roles."""
    return "\n".join(said(turn) for turn in messages if "tools" not in turn or turn["content"])


def with_tools(turns: list[Message], tools: list[Tool] | None) -> list[Message]:
    """Put the tools of a record on the chat's system turn, an empty one where it has none."""
    if not tools:
        return turns
    first, rest = Message(role="system", content=""), turns
    if turns and turns[0]["role"] == "system":
        first, rest = turns[0].copy(), turns[1:]
    first["tools"] = tools
    return [first, *rest]


def has_more(chat: list[Message]) -> bool:
    """Tell whether a chat holds more than plain text: tools, calls, results or thoughts."""
    return any("tools" in turn or turn["role"] == "tool" or MORE & turn.keys() for turn in chat)


def apart(chat: list[Message]) -> tuple[list[Message], list[Tool] | None]:
    """Return a chat as templates take it, and its tools; None where it has none."""
    tools = next((turn["tools"] for turn in chat if "tools" in turn), None)
    plain = [
        cast(Message, {key: value for key, value in turn.items() if key not in ("tools", "weight")})
        for turn in chat
        if "tools" not in turn or turn["content"]
    ]
    return plain, tools


def request_of(chat: list[Message]) -> dict[str, Any]:
    """Return a chat as OpenAI's API takes it: `messages`, and `tools` where it has some."""
    plain, tools = apart(chat)
    messages: list[dict[str, Any]] = [dict(turn) for turn in plain]
    for turn in messages:
        if "tool_calls" in turn:
            turn["tool_calls"] = [as_sent(call) for call in turn["tool_calls"]]
    return {"messages": messages} | ({"tools": tools} if tools else {})


def as_sent(call: ToolCall) -> dict[str, Any]:
    """Return a call with its arguments as a JSON string, as OpenAI's API expects."""
    function = call["function"]
    text = json.dumps(function["arguments"], ensure_ascii=False)
    return {**call, "function": {**function, "arguments": text}}


def tool_names(tools: list[Tool] | None) -> str:
    """Return the names of tools in alphabetical order, as one text."""
    return " ".join(sorted(str(tool["function"]["name"]) for tool in tools or []))


def number_calls(turns: list[Message]) -> None:
    """Renumber the ids of tool calls, in place, and the ids of their results with them.

    Ids only match results to calls. Mistral's template requires nine letters and digits.

    Raises ValueError for a result that answers no call, and a call without its result before
    the end.
    """
    count, waiting = 0, list[tuple[str, str, str]]()  # old id, new id, name
    for turn in turns:
        if turn["role"] == "tool":
            waiting.remove(one := answered(turn, waiting))
            turn["tool_call_id"], turn["name"] = one[1:]
            continue
        if waiting:
            raise ValueError(f"a call of {waiting[0][2]} without its result")
        for call in turn.get("tool_calls", []):
            new = f"call{count:05d}"
            waiting.append((call["id"], new, call["function"]["name"]))
            call["id"], count = new, count + 1


def answered(turn: Message, waiting: list[tuple[str, str, str]]) -> tuple[str, str, str]:
    """Return the call that a tool result answers.

    Matched by id, else the first open call of that name, else the first open call.
    """
    told, name = turn.get("tool_call_id", ""), turn.get("name", "")
    mine = [one for one in waiting if told and one[0] == told]
    mine = mine or [one for one in waiting if not (told and one[0])]
    if not mine:
        raise ValueError("a result that answers no call")
    return next((one for one in mine if one[2] == name), mine[0])
