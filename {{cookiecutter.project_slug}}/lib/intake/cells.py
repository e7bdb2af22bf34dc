"""Read the cells of a raw row: text, tags, groups."""

import json
import math
import re
import unicodedata
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

from lib.core.text import without_unseen

_WHOLE_NUMBER = re.compile(r"(-?\d+)\.0+")


class Reject(Exception):
    """A row is dropped: the reason's name in the ledger, and what was found in the row."""

    def __init__(self, reason: str, *found: object) -> None:
        super().__init__(reason)
        self.found = tuple(map(str, found))  # the keys of a map may be numbers


def cell_value(row: dict[str, Any], column: str) -> Any:
    """Look up the value of a column; `meta.intent` reaches into an object, `answers.0` into a list.

    Returns None where the column is missing or holds NaN, which is how pandas writes an empty cell.
    """
    value: Any = row
    for step in [column] if column in row else column.split("."):
        if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return None if isinstance(value, float) and math.isnan(value) else value


def read_tags(value: Any) -> list[str]:
    """Read the tags of edge cases from a list or comma-separated text: unique and sorted."""
    if value is None:
        return []
    tags = map(as_text, value) if isinstance(value, list) else optional_text(value).split(",")
    return sorted({tag.strip() for tag in tags} - {""})


def read_groups(cells: dict[str, Any]) -> list[str]:
    """Read the groups of a row from its cells by column.

    `group.customer` 7 is not `group.document` 7.
    """
    found = {kind.partition(".")[2]: read_name(value) for kind, value in cells.items()}
    return [f"{kind}:{value}" if kind else value for kind, value in found.items() if value]


def read_name(value: Any) -> str:
    """Read a group's name, the same from every file format: pandas turns 7 into 7.0."""
    if value is None:
        return ""
    name = unicodedata.normalize("NFC", without_unseen(optional_text(value))).strip()
    return without_zeros(name)


def without_zeros(text: str) -> str:
    """Write a whole number as such where pandas wrote `7.0`; any other text stays as it is."""
    found = _WHOLE_NUMBER.fullmatch(text)
    return found[1] if found else text


def as_text(value: Any) -> str:
    """Turn a cell into text: strings, bytes and dates as they are, numbers and objects as JSON.

    Raises Reject (`not_text`) for any other type.
    """
    if isinstance(value, (str, Decimal, date, time, timedelta)):
        return str(value)
    if isinstance(value, bytes):  # how Spark and Impala may write a text
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise Reject("not_text", "bytes") from None
    if isinstance(value, (int, float, dict)):
        try:
            return json.dumps(value, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError):  # from parquet: contains a date, bytes or infinity
            pass
    raise Reject("not_text", type(value).__name__)


def optional_text(value: Any) -> str:
    """Turn a cell into text, None into an empty string; 0 is not empty."""
    return "" if value is None else as_text(value).strip()
