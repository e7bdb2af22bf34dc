"""Read the cells of a raw row: text, tags, groups, turns of a chat."""

import json
import math
import re
import unicodedata
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

from lib.core.records import Message
from lib.core.text import without_unseen

ROLES = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "system",
}


class Reject(Exception):
    """A row cannot be kept; says the reason's name in the ledger, and what was found in the row
    where that is not obvious."""

    def __init__(self, reason: str, *found: str) -> None:
        super().__init__(reason)
        self.found = found


def cell_value(row: dict[str, Any], column: str) -> Any:
    """Look up the value of a column; `meta.intent` reaches into an object.

    Returns None where the column is missing or holds NaN, which is how pandas writes an empty cell.
    """
    value: Any = row
    for step in [column] if column in row else column.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return None if isinstance(value, float) and math.isnan(value) else value


def read_tags(value: Any) -> list[str]:
    """Read the tags of edge cases, a list or text with commas, each once and sorted."""
    tags = map(as_text, value) if isinstance(value, list) else optional_text(value).split(",")
    return sorted({tag.strip() for tag in tags} - {""})


def read_groups(cells: dict[str, Any]) -> list[str]:
    """Read the groups of a row, given its cells by column: `group.customer` 7 is not
    `group.document` 7."""
    found = {kind.partition(".")[2]: read_name(value) for kind, value in cells.items()}
    return [f"{kind}:{value}" if kind else value for kind, value in found.items() if value]


def read_name(value: Any) -> str:
    """Read the name of a group, the same in every file format: pandas turns 7 into 7.0."""
    name = unicodedata.normalize("NFC", without_unseen(optional_text(value))).strip()
    return re.sub(r"(?<=^\d)(\d*)\.0+$", r"\1", name)


def user(content: str) -> Message:
    """Make a turn of the user."""
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    """Make a turn of the assistant."""
    return {"role": "assistant", "content": content}


def as_text(value: Any) -> str:
    """Turn a cell into text: strings, dates and decimals as they are, numbers and objects as JSON.

    Raises Reject (`not_text`) for any other type.
    """
    if isinstance(value, (str, Decimal, date, time, timedelta)):
        return str(value)
    if isinstance(value, (int, float, dict)):
        try:
            return json.dumps(value, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError):  # of parquet: a date, bytes or infinity inside
            pass
    raise Reject("not_text", type(value).__name__)


def optional_text(value: Any) -> str:
    """Turn a cell into text, an empty one (None) into an empty string; 0 is not empty."""
    return "" if value is None else as_text(value).strip()


def read_turns(value: Any) -> list[Message]:
    """Read the turns of a chat, OpenAI's (role, content) or ShareGPT's (from, value).

    Raises Reject (`bad_turns`, `not_text`).
    """
    if not isinstance(value, list) or not value:
        raise Reject("bad_turns")
    return [read_turn(turn) for turn in value]


def read_turn(turn: Any) -> Message:
    """Read one turn; its content may be a list of text parts as in OpenAI's API."""
    if not isinstance(turn, dict):
        raise Reject("bad_turns")
    role = ROLES.get(str(turn.get("role", turn.get("from"))))
    content = turn.get("content", turn.get("value"))
    if isinstance(content, list):
        content = "\n".join(read_part(part) for part in content)
    if role is None or not isinstance(content, str):
        raise Reject("bad_turns")
    return {"role": role, "content": content}


def read_answer_turns(value: Any) -> list[Message]:
    """Read what is answered: text, one turn, or turns that end with the answer."""
    if isinstance(value, dict) and str(value.get("role", value.get("from"))) in ROLES:
        value = [value]
    return read_turns(value) if isinstance(value, list) else [assistant(as_text(value))]


def read_part(part: Any) -> str:
    """Read the text of a part of a turn; raise Reject for any other part.

    Without its picture a question could not be answered.
    """
    text = part.get("text") if isinstance(part, dict) else None
    if not isinstance(text, str):
        raise Reject("not_text")
    return text


def prompt_turns(value: Any) -> list[Message]:
    """Read what is asked, text or a list of turns, as turns."""
    return read_turns(value) if isinstance(value, list) else [user(as_text(value))]


def spoken(turns: list[Message]) -> list[Message]:
    """Drop a system prompt at the start of a chat."""
    return turns[1:] if turns and turns[0]["role"] == "system" else turns
