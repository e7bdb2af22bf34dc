"""What the cells of a row hold: text, tags, groups, turns of a chat."""

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
    """A row that cannot be kept: the reason's name in the ledger, and what was found where the row
    alone does not show it at once."""

    def __init__(self, reason: str, *found: str) -> None:
        super().__init__(reason)
        self.found = found


def cell_value(row: dict[str, Any], column: str) -> Any:
    """The value of a column; `meta.intent` reaches into an object. None when there is none, or a
    number that is none: pandas writes an empty cell so."""
    value: Any = row
    for step in [column] if column in row else column.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return None if isinstance(value, float) and math.isnan(value) else value


def read_tags(value: Any) -> list[str]:
    """Tags of edge cases: a list, or text with commas between them; each once, in order."""
    tags = map(as_text, value) if isinstance(value, list) else optional_text(value).split(",")
    return sorted({tag.strip() for tag in tags} - {""})


def read_groups(cells: dict[str, Any]) -> list[str]:
    """The groups of a row, by the names of its columns: `group.customer` 7 is not
    `group.document` 7."""
    found = {kind.partition(".")[2]: read_name(value) for kind, value in cells.items()}
    return [f"{kind}:{value}" if kind else value for kind, value in found.items() if value]


def read_name(value: Any) -> str:
    """The name of a group, the same however a file has it: pandas makes 7.0 of 7."""
    name = unicodedata.normalize("NFC", without_unseen(optional_text(value))).strip()
    return re.sub(r"(?<=^\d)(\d*)\.0+$", r"\1", name)


def user(content: str) -> Message:
    """A turn of the user."""
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    """A turn of the assistant."""
    return {"role": "assistant", "content": content}


def as_text(value: Any) -> str:
    """A cell as text: strings, dates and decimals as written, numbers and objects as JSON."""
    if isinstance(value, (str, Decimal, date, time, timedelta)):
        return str(value)
    if isinstance(value, (int, float, dict)):
        try:
            return json.dumps(value, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError):  # of parquet: a date, bytes or infinity inside
            pass
    raise Reject("not_text", type(value).__name__)


def optional_text(value: Any) -> str:
    """A cell as text; nothing where there is none. A 0 is something."""
    return "" if value is None else as_text(value).strip()


def read_turns(value: Any) -> list[Message]:
    """OpenAI turns (role, content) or ShareGPT turns (from, value)."""
    if not isinstance(value, list) or not value:
        raise Reject("bad_turns")
    return [read_turn(turn) for turn in value]


def read_turn(turn: Any) -> Message:
    """One turn; content may be a list of text parts as in OpenAI's API."""
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
    """The text of a part of a turn. A picture would leave a question that cannot be answered."""
    text = part.get("text") if isinstance(part, dict) else None
    if not isinstance(text, str):
        raise Reject("not_text")
    return text


def prompt_turns(value: Any) -> list[Message]:
    """What is asked: text, or a list of turns."""
    return read_turns(value) if isinstance(value, list) else [user(as_text(value))]


def spoken(turns: list[Message]) -> list[Message]:
    """The turns without a system prompt before them."""
    return turns[1:] if turns and turns[0]["role"] == "system" else turns
