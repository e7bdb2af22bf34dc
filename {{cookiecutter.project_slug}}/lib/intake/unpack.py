"""Parse cells that hold a list of turns as text, in JSON or as Python prints it."""

import ast
import json
import re
import warnings
from typing import Any

from lib.intake.cells import Reject

ROLES = {
    **dict.fromkeys(("user", "human", "prompter", "customer", "client", "visitor"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "model", "bot", "chatbot", "ai"), "assistant"),
    **dict.fromkeys(("agent", "operator", "support"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
    **{"用户": "user", "客户": "user", "助手": "assistant", "客服": "assistant", "系统": "system"},
}
CALL_ROLES = {"function_call", "tool_call", "tool_calls"}
RESULT_ROLES = {
    *("tool", "function", "function_response", "tool_response", "tool_result", "tool_output"),
    *("observation", "ipython"),
}
TOOL_ROLES = {*CALL_ROLES, *RESULT_ROLES, "tools"}
# The text of a list of turns, as JSON or as Python writes it (a CSV made from such a column).
TURNS_AS_TEXT = re.compile(
    r"""\s*(?:array\()?\[?\s*\{[^{}]{0,200}?['"](?:role|from|content|value)['"]\s*:\s*['"\[N]"""
)
_OPENERS = ("[", "{", "a", "b", " ", "\n")  # first characters of such texts
PYTHON_VALUE = re.compile(r"(?:\[.*\]|\{.*\}|array\(.*\)|b'.*')", re.DOTALL)
_LONGEST_VALUE = 1 << 16  # characters of an answer that may be a Python literal


def is_turn(value: Any) -> bool:
    """Tell whether an object is a turn of a chat rather than an answer in JSON."""
    roles = [value[key] for key in ("role", "from") if key in value]
    names = [name.casefold() for name in roles if isinstance(name, str)]
    return any(name in ROLES or name in TOOL_ROLES for name in names)


def unpacked(text: str) -> Any:
    """Parse a text that is a turn or a list of turns, in JSON or as Python prints it.

    Any other text is returned unchanged. Raises Reject (`stringified`) for an unreadable list.
    """
    if text[:1] not in _OPENERS or not TURNS_AS_TEXT.match(text):
        return text
    value = from_text(text)
    if value is None:
        raise Reject("stringified", text)
    turns = value if isinstance(value, list) else [value]
    return value if all(isinstance(turn, dict) and is_turn(turn) for turn in turns) else text


def refuse_python(answer: str) -> None:
    """Raise Reject for an answer that is a list, a dict or bytes as Python prints them.

    It was turned into text by mistake. JSON is an answer like any other.
    """
    if answer[:1] not in _OPENERS or "'" not in answer or len(answer) > _LONGEST_VALUE:
        return
    if not PYTHON_VALUE.fullmatch(answer.strip()):
        return
    try:
        json.loads(answer)
    except (ValueError, RecursionError):
        if answer.lstrip().startswith("array(") or isinstance(
            python_value(answer), (list, dict, bytes)
        ):
            raise Reject("stringified", answer) from None


def from_text(text: str) -> Any:
    """Parse a cell that holds JSON or a Python literal as text; None for any other text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return python_value(text)


def python_value(text: str) -> Any:
    """Parse a Python literal; None for any other text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
