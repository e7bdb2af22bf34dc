"""Identify what a row of unknown shape is, so that its message suggests the right fix."""

import json
import re
from typing import Any

from lib.core.text import without_unseen
from lib.curate.row import ALIASES, TOLD_BY, Row
from lib.curate.sides import two_answers
from lib.intake.cells import Reject
from lib.intake.unpack import from_text, is_turn
from lib.intake.unread import is_ranked, key_words

MESSAGE = (  # a column from each: author, text, time or conversation
    key_words("author author_id sender speaker role from user user_id"),
    key_words("text body content message value comment"),
    key_words("ts timestamp created_at date time parent_id thread_id thread_ts ticket_id")
    | key_words("conversation_id message_id message_tree_id"),
)
_NODE = {"message", "parent", "children"}  # of a conversation exported by ChatGPT
_PLAIN_NAME = re.compile(r"[A-Za-z_]\w*")
# A line of text in place of column names: it reads like a sentence.
_SENTENCE = re.compile(r"[^?!]*\s\S+\s\S+.*[.?!]|.*\S:\s+\S.*|- .*", re.DOTALL)
_TOLD = {*TOLD_BY, *ALIASES["messages"], "question", "answer", "text", "input", "response"}
_PAIR = "{prompt:.[0],completion:.[1]}"  # no comma with a space: that separates what was found


def unknown(cells: Row) -> Reject:
    """Return the Reject for a row: message tree, two answers, nested rows, one turn, ..."""
    row = {str(name): value for name, value in cells.row.items()}
    if is_tree(row.get("prompt", row)):
        return Reject("message_tree", ".prompt" if "prompt" in row else ".")
    if is_export(row.get("mapping")):
        return Reject("chat_export", "mapping")
    if both := two_answers(row):
        return Reject("two_answers", *map(jq_name, both[:3]), *both[3:])
    for name, value in row.items():
        if is_ranked(name, value) and name not in cells.mapping.ignored:
            return Reject("ranked", *([name] if isinstance(value, list) else ["", name]))
    if inside := rows_inside(row):
        return Reject("nested_rows", inside)
    if (text := row_as_text(row)) is not None:
        return Reject("row_as_text", jq_name(text))
    if is_turn(row) or is_message(row):
        return Reject("lone_turn", *row)
    if any(_SENTENCE.fullmatch(name) for name in row):
        return Reject("no_header", *row)
    names = [name if without_unseen(name).strip() == name else repr(name) for name in row]
    return Reject("no_answer" if cells.look("prompt") is not None else "unknown_shape", *names)


def jq_name(name: str) -> str:
    """Return a column's name as jq needs it after a dot, quoted if necessary."""
    return name if _PLAIN_NAME.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def is_message(row: dict[str, Any]) -> bool:
    """Tell whether a row is one message of an export, with author, text and time or thread."""
    names = {name.casefold() for name in row}
    return not any(map(names.isdisjoint, MESSAGE))


def is_tree(value: Any) -> bool:
    """Tell whether a value is a message with its replies, as in OpenAssistant's trees."""
    return isinstance(value, dict) and "text" in value and isinstance(value.get("replies"), list)


def is_export(mapping: Any) -> bool:
    """Tell whether a value is the `mapping` of a conversation exported by ChatGPT."""
    nodes = list(mapping.values()) if isinstance(mapping, dict) else []
    return bool(nodes) and all(isinstance(node, dict) and node.keys() >= _NODE for node in nodes)


def rows_inside(row: dict[str, Any]) -> str:
    """Return the jq path to the rows nested in one object; '' if there are none."""
    lists = {name: value for name, value in row.items() if is_list_of_rows(value)}
    if any(isinstance(one, str) and " " in one.strip() for one in row.values()):
        return ""
    if lists:
        name = max(lists, key=lambda one: len(lists[one]))
        path = f".{jq_name(name)}[]"
        return path if isinstance(lists[name][0], dict) else f"{path} | {_PAIR}"
    objects = [value.keys() for value in row.values() if isinstance(value, dict) and value]
    alike = len(objects) == len(row) > 1 and all(keys == objects[0] for keys in objects)
    return ".[]" if alike and not any(is_turn(value) for value in row.values()) else ""


def is_list_of_rows(value: Any) -> bool:
    """Tell whether a cell is a list of objects that are not turns, or of pairs of texts."""
    if not isinstance(value, list) or not value:
        return False
    if all(isinstance(one, list) and [*map(type, one)] == [str, str] for one in value):
        return True
    return all(isinstance(one, dict) for one in value) and not any(map(is_turn, value))


def row_as_text(row: dict[str, Any]) -> str | None:
    """Return the name of a column whose text is a whole row as JSON; None if there is none."""
    for name, value in row.items():
        if isinstance(value, str) and value.startswith("{"):
            inner = from_text(value)
            if isinstance(inner, dict) and not _TOLD.isdisjoint(inner):
                return name
    return None
