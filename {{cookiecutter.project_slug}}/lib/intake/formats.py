"""Read files of raw rows: JSONL, JSON list, CSV, parquet, Arrow; plain, gzip or zstd.

The format is detected by content, not by name. All formats are streamed: one row and a few blocks
of the file are in memory at a time. Bytes that are not UTF-8 become lone surrogates here, and
curate drops those rows as damaged, so one bad row never stops a file. Only a file that cannot be
read to its end is an error: after an unclosed CSV quote or JSON list, rows cannot be told from
their contents.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from lib.intake.foreign import KNOWN, refuse
from lib.intake.json_rows import Lines, jsonl_rows, list_rows
from lib.intake.tables import RawRow, arrow_rows, check_names, parquet_rows
from lib.runtime.errors import UserError

HEAD = 1 << 16  # bytes from which the format is detected
PART = 1 << 19  # bytes of a file that are parsed at a time
MOST_ROWS = 1000  # of a part
LONGEST_CELL = 1 << 24  # characters of one cell of CSV
# The file format, and the stream format that `datasets` writes.
ARROW = (b"ARROW1", b"\xff\xff\xff\xff")
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
FOREIGN = re.compile("[\udc80-\udcff]")  # undecodable bytes (surrogateescape)
QUOTED_CELL = re.compile(r'"[^"]*"')  # a quoted cell, whose commas are no delimiters
TOLD = re.compile(r"sep=(.)\s*")  # the first line where Excel saves with another delimiter
SKIPPED = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")  # a skippable frame of zstd


Rows = Lines | list[RawRow]  # a part of a file


def read_rows(path: Path) -> Iterator[RawRow]:
    """Yield every row of a file, malformed ones too; raise UserError for an unreadable file."""
    return chain.from_iterable(map(rows_of, read_parts(path)))


def rows_of(part: Rows) -> Iterable[RawRow]:
    """Return the rows of a part of a file."""
    return jsonl_rows(part) if isinstance(part, Lines) else part


def read_parts(path: Path) -> Iterator[Rows]:
    """Yield a file in unparsed parts of about PART bytes, which other processes may parse.

    Raises UserError for an unreadable file.
    """
    try:
        with path.open("rb") as plain:
            head = plain.peek(4)
            if head.startswith(GZIP):
                yield from _parts(path, plain, cast(BinaryIO, gzip.GzipFile(fileobj=plain)))
            elif head.startswith(ZSTD) or SKIPPED.match(head):
                # The zstandard package takes a truncated file for a complete one.
                from pyarrow import CompressedInputStream

                yield from _parts(path, plain, CompressedInputStream(plain, "zstd"))
            else:
                yield from _parts(path, plain, plain)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{path}: cannot be read ({reason}); put a complete file there") from None


def _parts(path: Path, plain: BinaryIO, file: BinaryIO) -> Iterator[Rows]:
    """Yield the parts of a file, given both as it is on disk and decompressed."""
    buffered = io.BufferedReader(cast(io.RawIOBase, file), HEAD)
    head = buffered.peek(HEAD)
    refuse(path, head)
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        yield from _lines(buffered)
        return
    part, begun = list[RawRow](), plain.tell()
    for row in _rows(path, file, buffered, head):
        part.append(row)
        if len(part) == MOST_ROWS or plain.tell() - begun > PART:
            yield part
            part, begun = [], plain.tell()
    if part:
        yield part


def _lines(file: BinaryIO) -> Iterator[Lines]:
    """Whole lines, about PART bytes at a time."""
    first = 1
    while text := file.read(PART):
        text += file.readline()
        yield Lines(first, text)
        first += text.count(b"\n")


def _rows(path: Path, file: BinaryIO, buffered: BinaryIO, head: bytes) -> Iterable[RawRow]:
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
        return list_rows(path, buffered)
    if b"\0" in start.partition(b"\n")[0]:
        raise UserError(
            f"{path}: is not text, or UTF-16 without a mark (`iconv -f UTF-16LE -t UTF-8 {path} > "
            f"NEW` converts it); allowed are {KNOWN}"
        )
    return _csv_rows(path, buffered) if start else iter(())


def _csv_rows(path: Path, file: BinaryIO) -> Iterator[RawRow]:
    """Records with as many cells as the header. The lines of a record are kept until it ends."""
    csv.field_size_limit(LONGEST_CELL)
    text = io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")
    first, number = text.readline(), 1
    told = TOLD.fullmatch(first)
    while (told and number == 1) or (first and not first.strip()):
        first, number = text.readline(), number + 1
    if not first:
        return
    delimiter = told[1] if told else max(",;\t|", key=QUOTED_CELL.sub("", first).count)
    lines, header, unnamed = list[str](), list[str](), list[int]()
    spaced = "," in first and first.count(", ") == first.count(",")
    noted = _noted(chain([first], text), lines)
    try:
        for cells in csv.reader(noted, delimiter=delimiter, strict=True, skipinitialspace=spaced):
            if not header:
                cells = [cell.strip() for cell in cells]
                header = check_header(path, cells)
                unnamed = [at for at, name in enumerate(cells) if not name]
            elif len(cells) == len(header):
                value = dict(zip(header, cells, strict=True))
                for at in unnamed:  # beyond the table's edge: spreadsheets save empty columns, too
                    if not cells[at]:
                        del value[header[at]]
                yield RawRow(number, value)
            elif "".join(lines).strip():
                yield RawRow(number, None, "".join(lines), "invalid_csv")
            number += len(lines)
            lines.clear()
    except csv.Error as error:
        raise UserError(
            f"{path}:{number}: the CSV cannot be read further, at a quote that is not closed or "
            "stands "
            f"inside a quoted cell, or at a cell of more than {LONGEST_CELL:,} characters "
            f"({error}); close the quote, double it, or shorten the cell"
        ) from None


def _noted(text: Iterable[str], lines: list[str]) -> Iterator[str]:
    """The lines of a text; each is also put into a list as it is read."""
    for line in text:
        lines.append(line)
        yield line


def check_header(path: Path, cells: list[str]) -> list[str]:
    """Return the names of the columns; raise UserError for a line that is not a CSV header."""
    if len(cells) < 2:
        raise UserError(
            f"{path}:1: is not a CSV header (two or more names); allowed are {KNOWN}; where it is "
            "no data, a path such as data/raw/*.jsonl passes over it"
        )
    if any(FOREIGN.search(cell) for cell in cells):
        raise UserError(
            f"{path}:1: the names of its columns are not UTF-8; `iconv -f GB18030 -t UTF-8` (or "
            "another encoding) converts it"
        )
    check_names(path, [name for name in cells if name])
    return [name or f"column {at}" for at, name in enumerate(cells, 1)]
