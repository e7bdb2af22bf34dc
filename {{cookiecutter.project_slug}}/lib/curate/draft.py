"""Define the draft of a record: a row in our own form, whatever shape it came in."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from lib.core.records import Message
from lib.core.turns import Tool
from lib.intake.cells import Reject
from lib.intake.turns import spoken

_BESIDE = ("reasoning_content", "tool_calls")  # what an answer may have besides text


@dataclass
class Draft:
    """A row in our own form; `prompt` ends with the turn to be answered, the user's or a tool's."""

    prompt: list[Message]
    chosen: str
    rejected: str | None = None  # preference pairs only
    lone: bool = False  # a single labeled answer, the other side empty: KTO learns from such
    beside: dict[str, dict[str, Any]] = field(default_factory=dict)  # of the answers, by side
    tools: list[Tool] = field(default_factory=list)  # that the model may call
    context: bool = False  # the answer is not to be learnt (weight 0)
    system: str = ""  # the system prompt that was dropped
    scenario: str = ""
    language: str = ""
    tags: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    license: str = ""  # empty: that of the source
    split: str | None = None  # None: that of the source
    changes: set[str] = field(default_factory=set)  # what was altered, for the metrics
    unread: list[str] = field(default_factory=list)  # unread columns and keys

    def sides(self) -> list[tuple[str, str]]:
        """List (side, answer): one, or a pair's two; of a single labeled answer its side."""
        if self.rejected is None:
            return [("chosen", self.chosen)]
        both = [("chosen", self.chosen), ("rejected", self.rejected)]
        if not self.lone:
            return both
        return [one for one in both if one[1] or one[0] in self.beside] or both[:1]

    def is_plain(self) -> bool:
        """Tell whether a row has texts only, as most rows have: no tools, thoughts or weights."""
        if self.beside or self.tools:
            return False
        for turn in self.prompt:  # noqa: SIM110 - asked often of each row: a loop is faster than all
            if len(turn) != 2 or turn["role"] == "tool":
                return False
        return True

    def calls(self, side: str) -> list[Any]:
        """Return the tool calls of an answer."""
        return list(self.beside.get(side, {}).get("tool_calls", []))

    def turn(self, side: str) -> Message:
        """Return the answer of a side as a turn."""
        answer = {"role": "assistant", "content": getattr(self, side)}
        return cast(Message, answer | self.beside.get(side, {}))

    def put(self, side: str, answer: Message) -> None:
        """Set the answer of a side."""
        setattr(self, side, answer["content"])
        found = {name: answer[name] for name in _BESIDE if name in answer}  # type: ignore[literal-required]
        if found:
            self.beside[side] = found

    def thoughts(self) -> list[str]:
        """List all thoughts, in earlier turns and in the answers."""
        turns = [*self.prompt, *self.beside.values()]
        return [turn["reasoning_content"] for turn in turns if "reasoning_content" in turn]

    def extras(self) -> Iterator[str]:
        """Yield every text outside turn contents: thoughts, names and arguments of calls, tools."""
        yield from self.thoughts()
        for turn in [*self.prompt, *self.beside.values()]:
            for call in turn.get("tool_calls", []):
                yield from strings(call["function"])
            if "name" in turn:
                yield turn["name"]
        yield from strings(self.tools)


def strings(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value, keys included."""
    if isinstance(value, dict):
        value = [part for item in value.items() for part in item]
    if isinstance(value, list):
        for part in value:
            yield from strings(part)
    elif isinstance(value, str):
        yield value


def from_turns(turns: list[Message]) -> Draft:
    """Build a draft from a chat; its system prompt is dropped, since task.system replaces it.

    Raises Reject unless user and assistant alternate, ending with the assistant; tool results come
    between the turn that calls and the next assistant turn.
    """
    said = spoken(turns)
    roles = [turn["role"] for turn in said]
    if not _in_order(said):
        raise Reject("roles_out_of_order", *roles)
    draft = Draft(prompt=said[:-1], chosen="", context="weight" in said[-1])
    draft.put("chosen", said[-1])
    if len(said) < len(turns):
        draft.changes.add("system_prompt_removed")
        draft.system = "\n".join(turn["content"] for turn in turns[: len(turns) - len(said)])
    return draft


def _in_order(turns: list[Message]) -> bool:
    """Tell whether each turn may follow the one before it, and the last is the assistant's."""
    before, called = "assistant", False
    for turn in turns:
        role = turn["role"]
        if role == "user":
            follows = before == "assistant"  # whether calls have results is checked later
        elif role == "assistant":
            follows = before in ("user", "tool")
        else:
            follows = role == "tool" and called
        if not follows:
            return False
        called = role == "tool" or (role == "assistant" and "tool_calls" in turn)
        before = role
    return before == "assistant" and bool(turns)
