"""Read files of raw rows: JSONL, JSON list, CSV, parquet, Arrow; plain, gzip or zstd.

The format is found by content, not by name. All are streamed: a row and a few pieces of the file
are in memory at a time. Bytes that are not UTF-8 become unpaired surrogates here and are dropped as
damage by curate, so one bad row never stops a file. An error is only a file that cannot be read, or
not to its end: after a CSV quote or a value of a JSON list that never closes, rows and their
contents cannot be told apart.
"""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, cast

from lib.core.strict_json import Doubled, noting
from lib.intake.foreign import KNOWN, refuse
from lib.intake.tables import RawRow, arrow_rows, check_names, parquet_rows
from lib.runtime.errors import UserError

HEAD = 1 << 16  # bytes from which the format is found
PIECE = 1 << 18  # characters of a JSON list that are decoded at once, if no value is longer
LONGEST_VALUE = 1 << 24  # characters of one value in a JSON list, or of one cell of CSV
DEEPEST = 100  # levels of objects and lists; code that reads them later meets Python's own limit
ARROW = (b"ARROW1", b"\xff\xff\xff\xff")  # a file, and the stream that `datasets` writes
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
FOREIGN = re.compile("[\udc80-\udcff]")  # bytes of another encoding, as they are decoded here
QUOTED_CELL = re.compile(r'"[^"]*"')  # a quoted cell, whose commas are no delimiters
TOLD = re.compile(r"sep=(.)\s*")  # the first line where Excel saves with another delimiter
SEPARATOR = re.compile(r"[\s,]*")
SKIPPED = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")  # a frame that zstd passes over


def read_rows(path: Path) -> Iterator[RawRow]:
    """Yield every row of a file, malformed ones too; raise UserError for an unreadable file."""
    try:
        with path.open("rb") as plain:
            head = plain.peek(4)
            if head.startswith(GZIP):
                yield from _rows(path, cast(BinaryIO, gzip.GzipFile(fileobj=plain)))
            elif head.startswith(ZSTD) or SKIPPED.match(head):
                # The zstandard package takes a file that was cut off for a whole one.
                from pyarrow import CompressedInputStream

                yield from _rows(path, CompressedInputStream(plain, "zstd"))
            else:
                yield from _rows(path, plain)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{path}: cannot be read ({reason}); put a whole file there") from None


def _rows(path: Path, file: BinaryIO) -> Iterator[RawRow]:
    buffered = io.BufferedReader(cast(io.RawIOBase, file), HEAD)
    head = buffered.peek(HEAD)
    refuse(path, head)
    if head.startswith(b"PAR1"):
        if not file.seekable():
            raise UserError(
                f"{path}: is parquet inside zstd; unpack it (parquet compresses by itself)"
            )
        return parquet_rows(path, buffered)
    if head.startswith(ARROW):
        return arrow_rows(path, buffered)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"["):
        return _list_rows(path, buffered)
    if start.startswith(b"{"):
        return _jsonl_rows(buffered)
    if b"\0" in start.partition(b"\n")[0]:
        raise UserError(f"{path}: is not text; allowed are {KNOWN}")
    return _csv_rows(path, buffered) if start else iter(())


def missing(_: str) -> None:
    """Read NaN and infinity as None: pandas writes an empty cell as NaN."""


ROW_DECODER = json.JSONDecoder(object_pairs_hook=noting, parse_constant=missing)


def fault(value: Any) -> str:
    """Say why a JSON value is no row; return an empty string if it is one."""
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


def _jsonl_rows(file: BinaryIO) -> Iterator[RawRow]:
    for number, line in enumerate(file, start=1):
        raw = line.decode("utf-8", "surrogateescape").removeprefix("\ufeff").strip()
        if not raw:
            continue
        try:
            value = ROW_DECODER.decode(raw)
            reason = fault(value)
        except (ValueError, RecursionError):
            reason = "invalid_json"
        yield RawRow(number, None, raw, reason) if reason else RawRow(number, value)


def _list_rows(path: Path, file: BinaryIO) -> Iterator[RawRow]:
    """The values of a list, one by one. (ijson has no line numbers, and stops at a byte that is not
    UTF-8.)"""
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
                    f"{path}:{line}: more follows the JSON list that ends here; "
                    "put all rows into one list, or each list into a file of its own"
                )
            return
        try:
            value, end = ROW_DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            value, end = None, len(text)
        if end == len(text):  # the value may go on in the next piece
            piece = pieces.read(max(PIECE, end - at)) if end - at < LONGEST_VALUE else ""
            if not piece:
                raise UserError(f"{path}:{line}: the JSON list breaks off here; close it")
            text, at, start = text[at:] + piece, 0, 0
        else:
            reason = fault(value)
            yield RawRow(line, None, text[at:end], reason) if reason else RawRow(line, value)
            start = end


def _csv_rows(path: Path, file: BinaryIO) -> Iterator[RawRow]:
    """Records with as many cells as the header. The lines of a record are kept until it ends."""
    csv.field_size_limit(LONGEST_VALUE)
    text = io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")
    first, number = text.readline(), 1
    told = TOLD.fullmatch(first)
    while (told and number == 1) or (first and not first.strip()):
        first, number = text.readline(), number + 1
    if not first:
        return
    delimiter = told[1] if told else max(",;\t|", key=QUOTED_CELL.sub("", first).count)
    lines, header, unnamed = list[str](), list[str](), list[int]()
    noted = _noted(chain([first], text), lines)
    try:
        for cells in csv.reader(noted, delimiter=delimiter, strict=True):
            if not header:
                header = check_header(path, cells)
                unnamed = [at for at, name in enumerate(cells) if not name]
            elif len(cells) == len(header):
                value = dict(zip(header, cells, strict=True))
                for at in unnamed:  # a table's edge: spreadsheets save empty columns, too
                    if not cells[at]:
                        del value[header[at]]
                yield RawRow(number, value)
            elif "".join(lines).strip():
                yield RawRow(number, None, "".join(lines), "invalid_csv")
            number += len(lines)
            lines.clear()
    except csv.Error as error:
        raise UserError(
            f"{path}:{number}: the CSV breaks off here, at a quote that is not closed or stands "
            f"inside a quoted cell, or at a cell of more than {LONGEST_VALUE:,} characters "
            f"({error}); close the quote, write it twice, or shorten the cell"
        ) from None


def _noted(text: Iterable[str], lines: list[str]) -> Iterator[str]:
    """The lines of a text; each is also put into a list as it is read."""
    for line in text:
        lines.append(line)
        yield line


def check_header(path: Path, cells: list[str]) -> list[str]:
    """Return the names of the columns; raise UserError for a line that is no CSV header."""
    if len(cells) < 2:
        raise UserError(f"{path}:1: is not a CSV header (two or more names); allowed are {KNOWN}")
    if any(FOREIGN.search(cell) for cell in cells):
        raise UserError(
            f"{path}:1: the names of its columns are not UTF-8; `iconv -f GB18030 -t UTF-8` (or "
            "another encoding) converts it"
        )
    check_names(path, [name for name in cells if name])
    return [name or f"column {at}" for at, name in enumerate(cells, 1)]
