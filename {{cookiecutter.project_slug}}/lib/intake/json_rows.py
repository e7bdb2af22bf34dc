"""Read rows from JSON: one object per line, or a list of objects."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from lib.core.strict_json import DEEPEST, UNSURE, Doubled, noting, quick
from lib.intake.tables import RawRow
from lib.runtime.errors import UserError

PIECE = 1 << 18  # characters of a JSON list that are decoded at once, unless a value is longer
LONGEST_VALUE = 1 << 24  # characters of one value in a JSON list
SEPARATOR = re.compile(r"[\s,]*")


class Lines(NamedTuple):
    """Some lines of a JSONL file, not parsed yet; the first has the number `first`."""

    first: int
    text: bytes


def missing(_: str) -> None:
    """Read NaN and infinity as None: pandas writes an empty cell as NaN."""


ROW_DECODER = json.JSONDecoder(object_pairs_hook=noting, parse_constant=missing)


def fault(value: Any) -> str:
    """Say why a JSON value is not a row; "" if it is one."""
    if not isinstance(value, dict):
        return "not_an_object"
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        if any(isinstance(one, Doubled) for one in level):
            return "duplicate_key"
        level = [part for one in level for part in (one.values() if isinstance(one, dict) else one)]
        level = [part for part in level if isinstance(part, (dict, list))]
        if not level:
            return ""
    return "invalid_json"


def jsonl_rows(part: Lines) -> Iterator[RawRow]:
    """Yield the rows of some lines, malformed ones too."""
    for number, line in enumerate(io.BytesIO(part.text), part.first):
        value = quick(line)
        if value is not UNSURE:
            yield RawRow(number, value)
            continue
        raw = line.decode("utf-8", "surrogateescape").removeprefix("\ufeff").strip()
        if not raw:
            continue
        try:
            value = ROW_DECODER.decode(raw)
            reason = fault(value)
        except (ValueError, RecursionError):
            reason = "invalid_json"
        yield RawRow(number, None, raw, reason) if reason else RawRow(number, value)


def list_rows(path: Path, file: BinaryIO) -> Iterator[RawRow]:
    """Yield the values of a JSON list; raise UserError where it is truncated or more follows.

    (ijson has no line numbers, and stops at a byte that is not UTF-8.)
    """
    pieces = io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")
    text, at, line = pieces.read(PIECE), 0, 1
    start = text.index("[") + 1
    while True:
        line += text.count("\n", at, start)
        at = cast(re.Match[str], SEPARATOR.match(text, start)).end()
        line += text.count("\n", start, at)
        if text.startswith("]", at):
            rest = text[at + 1 :]
            while not rest.strip() and (rest := pieces.read(PIECE)):
                pass
            if rest.strip():
                raise UserError(
                    f"{path}:{line}: more follows the JSON list that ends here; put all rows into "
                    "one list, or each list into a file of its own; where each line is a list of "
                    f"turns, `jq -c '{{messages: .}}' {path} > data/raw/rows.jsonl`"
                )
            return
        try:
            value, end = ROW_DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            value, end = None, len(text)
        if end == len(text):  # the value may continue in the next block
            piece = pieces.read(max(PIECE, end - at)) if end - at < LONGEST_VALUE else ""
            if not piece:
                raise UserError(
                    f"{path}:{line}: the JSON list ends too early, or what follows is not JSON (a "
                    f"comment, single quotes, a missing comma); `jq . {path}` shows where it fails"
                )
            text, at, start = text[at:] + piece, 0, 0
        else:
            reason = fault(value)
            yield RawRow(line, None, text[at:end], reason) if reason else RawRow(line, value)
            start = end
