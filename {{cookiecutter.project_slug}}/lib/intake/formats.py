"""Files of raw rows, told apart by content and not by name: JSONL, JSON list, CSV, parquet; plain,
gzip or zstd.

All are streamed: a row and a few pieces of the file are in memory at once. Bytes that are not UTF-8
become unpaired surrogates here and are caught as damage by curate, so one bad row never stops a
file. Only a file that cannot be read at all is an error.
"""

import csv
import gzip
import io
import json
import re
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from lib.errors import UserError

HEAD = 1 << 16  # bytes that tell the format
PIECE = 1 << 18  # characters of a JSON list that are decoded at once, if no value is longer
LONGEST_VALUE = 1 << 24  # characters of one value in a JSON list
LONGEST_RECORD = 200  # lines of one CSV record
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
UNPACK = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}
SEPARATOR = re.compile(r"[\s,]*")
UTF16 = (b"\xff\xfe", b"\xfe\xff")
KNOWN = "JSONL, a JSON list, CSV with a header line, or parquet; each plain, gzip or zstd"


class Row(NamedTuple):
    """A row of a raw file. `value` is None when it could not be parsed: then `reason` says why."""

    line: int
    value: dict[str, Any] | None
    raw: str = ""
    reason: str = ""


def read_rows(path: Path) -> Iterator[Row]:
    """Yield every row of a file, the malformed ones too."""
    try:
        with path.open("rb") as plain:
            head = plain.peek(4)
            if head.startswith(GZIP):
                yield from _rows(path, cast(BinaryIO, gzip.GzipFile(fileobj=plain)))
            elif head.startswith(ZSTD):
                # The zstandard package takes a file that was cut off for a whole one.
                from pyarrow import CompressedInputStream

                yield from _rows(path, CompressedInputStream(plain, "zstd"))
            else:
                yield from _rows(path, plain)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{path}: cannot be read ({reason}); put a whole file there") from None


def _rows(path: Path, file: BinaryIO) -> Iterator[Row]:
    buffered = io.BufferedReader(cast(io.RawIOBase, file), HEAD)
    head = buffered.peek(HEAD)
    packed = [name for magic, name in UNPACK.items() if head.startswith(magic)]
    if packed:
        raise UserError(f"{path}: is packed with {packed[0]}; unpack it; allowed are {KNOWN}")
    if head.startswith(UTF16):
        raise UserError(f"{path}: is UTF-16; save it as UTF-8")
    if head.startswith(b"PAR1"):
        if not file.seekable():
            raise UserError(f"{path}: is parquet inside zstd; unpack it, parquet is packed itself")
        return _parquet_rows(path, buffered)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"["):
        return _list_rows(path, buffered)
    if re.search(rb"^(\xef\xbb\xbf)?\s*\{\s*[\"}]", head, re.MULTILINE):
        return _jsonl_rows(buffered)
    if b"\0" in start.partition(b"\n")[0]:
        raise UserError(f"{path}: is not text; allowed are {KNOWN}")
    return _csv_rows(path, buffered) if start else iter(())


def parse(raw: str) -> dict[str, Any] | str:
    """A JSON object, or the reason why this is none."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return "invalid_json"
    return value if isinstance(value, dict) else "not_an_object"


def _jsonl_rows(file: BinaryIO) -> Iterator[Row]:
    for number, line in enumerate(file, start=1):
        raw = line.decode("utf-8", "surrogateescape").removeprefix("\ufeff").strip()
        if not raw:
            continue
        value = parse(raw)
        yield Row(number, value) if isinstance(value, dict) else Row(number, None, raw, value)


def _list_rows(path: Path, file: BinaryIO) -> Iterator[Row]:
    """The values of a list, one after the other. (ijson knows no line numbers, and one byte that
    is not UTF-8 stops it.)"""
    pieces = io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")
    decoder = json.JSONDecoder()
    text, at, line = pieces.read(PIECE), 0, 1
    start = text.index("[") + 1
    while True:
        line += text.count("\n", at, start)
        at = cast(re.Match[str], SEPARATOR.match(text, start)).end()
        line += text.count("\n", start, at)
        if text.startswith("]", at):
            return
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            value, end = None, len(text)
        if end == len(text):  # the value may go on in the next piece
            piece = pieces.read(max(PIECE, end - at)) if end - at < LONGEST_VALUE else ""
            if not piece:
                raise UserError(f"{path}:{line}: the JSON list breaks off here; mend it")
            text, at, start = text[at:] + piece, 0, 0
        elif isinstance(value, dict):
            yield Row(line, value)
            start = end
        else:
            yield Row(line, None, text[at:end], "not_an_object")
            start = end


def _csv_rows(path: Path, file: BinaryIO) -> Iterator[Row]:
    csv.field_size_limit(1 << 30)
    text = io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")
    first = text.readline()
    delimiter = max(",;\t|", key=first.count)
    header = _cells([first], delimiter) or []
    if len(header) < 2 or len(set(header)) < len(header):
        raise UserError(f"{path}:1: is no CSV header of two or more names; allowed are {KNOWN}")
    for number, raw, cells in _csv_records(text, delimiter):
        if cells and len(cells) == len(header):
            yield Row(number, dict(zip(header, cells, strict=True)))
        elif raw.strip():
            yield Row(number, None, raw, "invalid_csv")


def _csv_records(
    text: Iterable[str], delimiter: str
) -> Iterator[tuple[int, str, list[str] | None]]:
    """(line, raw text, cells) of each record. A quote that is never closed costs one line: the
    lines after it are read again as records of their own."""
    lines, again, number = iter(text), deque[str](), 2
    while again or (line := next(lines, None)) is not None:
        taken = [again.popleft() if again else cast(str, line)]
        cells = _cells(taken, delimiter)
        while cells is None and len(taken) < LONGEST_RECORD:
            more = again.popleft() if again else next(lines, None)
            if more is None:
                break
            taken.append(more)
            cells = _cells(taken, delimiter)
        if cells is None:
            again.extendleft(reversed(taken[1:]))
            taken = taken[:1]
        yield number, "".join(taken), cells
        number += len(taken)


def _cells(lines: list[str], delimiter: str) -> list[str] | None:
    """The cells of one record, [] when it is none, None when a quote is still open."""
    try:
        return next(csv.reader(lines, delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        return None if "unexpected end of data" in str(error) else []


def _parquet_rows(path: Path, file: BinaryIO) -> Iterator[Row]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise UserError(f"{path}: is parquet, which needs `pip install pyarrow`") from None
    try:
        # Group by group: pyarrow keeps what it read of a group as long as it iterates.
        table = ParquetFile(file, buffer_size=1 << 20)
        groups = (table.iter_batches(1024, [group]) for group in range(table.num_row_groups))
        values = (value for group in groups for batch in group for value in batch.to_pylist())
        for number, value in enumerate(values, start=1):
            yield Row(number, value)
    except ArrowException as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: is no whole parquet file ({reason})") from None
