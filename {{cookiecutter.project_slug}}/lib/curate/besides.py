"""Read what a row has besides its texts: tools, thoughts, turns that are not learnt."""

import re

from lib.core.turns import Message, number_calls
from lib.curate.draft import Draft
from lib.curate.row import Row
from lib.intake.cells import Reject, optional_text
from lib.intake.tools import as_calls, calls_as_text, defined_in, read_tools
from lib.intake.unread import is_empty

ABOUT_TOOLS = re.compile(r"\b(?:tools?|functions?|apis?)\b|工具|函数", re.IGNORECASE)


def settle(draft: Draft, cells: Row) -> None:
    """Read tools and thoughts from their own columns; cut a chat after the last turn to learn.

    Raises Reject for tools that would be lost with the system prompt, for a row with nothing to
    learn, and for calls and results that do not match.
    """
    tools = cells.get("tools")
    draft.tools = defined_in(draft.system) if is_empty(tools) else read_tools(tools)
    if draft.tools and not draft.calls("chosen") and (calls := as_calls(draft.chosen, draft.tools)):
        draft.beside.setdefault("chosen", {})["tool_calls"] = calls
        draft.chosen = ""
    refuse_text_calls(draft)
    add_thought(draft, cells)
    if draft.rejected is None:
        cut(draft)
    elif draft.context:
        raise Reject("weight", "the answer is not to be learnt")
    for turn in draft.prompt if draft.rejected is not None else []:
        turn.pop("weight", None)
    _number(draft)


def refuse_text_calls(draft: Draft) -> None:
    """Raise Reject where the assistant calls a tool in words, which would be learnt as words."""
    names = {tool["function"]["name"] for tool in draft.tools}
    said = [turn["content"] for turn in draft.prompt if turn["role"] == "assistant"]
    for text in [*said, draft.chosen] if names else ():
        if calls_as_text(text, names) or (text in said and as_calls(text, draft.tools)):
            raise Reject("tools", "a call as the text of another template")


def add_thought(draft: Draft, cells: Row) -> None:
    """Read the thought of an answer from its own column."""
    thought = optional_text(cells.get("reasoning"))
    if not thought:
        return
    if draft.rejected is not None:
        raise Reject("unread_mapping", "reasoning", "a pair has it in its turns")
    beside = draft.beside.setdefault("chosen", {})
    if beside.get("reasoning_content", thought) != thought:
        raise Reject("reasoning", "a second one")
    beside["reasoning_content"] = thought


def cut(draft: Draft) -> None:
    """Cut a chat after the last turn to learn; later turns change nothing."""
    while draft.context:
        answered = [at for at, turn in enumerate(draft.prompt) if turn["role"] == "assistant"]
        if not answered:
            raise Reject("weight", "no turn is to be learnt")
        answer = draft.prompt[answered[-1]]
        draft.prompt = draft.prompt[: answered[-1]]
        draft.beside.pop("chosen", None)
        draft.context = "weight" in answer
        draft.put("chosen", answer)
        draft.changes.add("cut_behind_learnt")


def _number(draft: Draft) -> None:
    """Renumber the ids of a row's calls, separately for the two answers of a pair."""
    if draft.is_plain():
        return
    called = False
    for side in ("chosen", "rejected"):
        calls = draft.calls(side)
        answer = Message(role="assistant", content="", tool_calls=calls)
        try:
            number_calls([*draft.prompt, answer])
        except ValueError as error:
            raise Reject("tools", str(error)) from None
        called = called or bool(calls)
    called = called or any("tool_calls" in turn for turn in draft.prompt)
    if called and not draft.tools and ABOUT_TOOLS.search(draft.system):
        raise Reject("tools", "defined in the system prompt")
