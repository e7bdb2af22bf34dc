"""Files of raw rows, told apart by content and not by name: JSONL, JSON list, CSV, parquet; plain,
gzip or zstd.

All are streamed: a row and a few pieces of the file are in memory at once. Bytes that are not UTF-8
become unpaired surrogates here and are caught as damage by curate, so one bad row never stops a
file. Only a file that cannot be read is an error, or read no further: after a quote of CSV or a
value of a JSON list that does not end, nobody can tell rows from what is in them.
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
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from lib.core.strict_json import Doubled, noting
from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from pyarrow import RecordBatch

HEAD = 1 << 16  # bytes that tell the format
PIECE = 1 << 18  # characters of a JSON list that are decoded at once, if no value is longer
LONGEST_VALUE = 1 << 24  # characters of one value in a JSON list, or of one cell of CSV
DEEPEST = 100  # levels of objects and lists; Python's own limit is met by what reads them later
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
UNPACK = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}
FOREIGN = re.compile("[\udc80-\udcff]")  # bytes of another encoding, as they are kept here
QUOTED_CELL = re.compile(r'"[^"]*"')  # a cell in which a delimiter is none
TOLD = re.compile(r"sep=(.)\s*")  # the first line of what Excel saves with another delimiter
SEPARATOR = re.compile(r"[\s,]*")
SKIPPED = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")  # a frame that zstd passes over
OTHER_UNICODE = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")  # marks of UTF-16 and UTF-32
KNOWN = "JSONL, a JSON list, CSV with a header line, or parquet; each plain, gzip or zstd"
UNREADABLE_VALUE = (ValueError, OverflowError, KeyError)  # of pyarrow, for a value of a column


class RawRow(NamedTuple):
    """A row of a raw file. `value` is None when it could not be parsed: then `reason` says why."""

    line: int
    value: dict[str, Any] | None
    raw: str = ""
    reason: str = ""


def read_rows(path: Path) -> Iterator[RawRow]:
    """Yield every row of a file, the malformed ones too."""
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
    packed = [name for magic, name in UNPACK.items() if head.startswith(magic)]
    if packed:
        raise UserError(f"{path}: is packed with {packed[0]}; unpack it; allowed are {KNOWN}")
    if head.startswith(OTHER_UNICODE):
        raise UserError(f"{path}: is UTF-16 or UTF-32; save it as UTF-8")
    if head.startswith(b"PAR1"):
        if not file.seekable():
            raise UserError(f"{path}: is parquet inside zstd; unpack it, parquet is packed itself")
        return _parquet_rows(path, buffered)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"["):
        return _list_rows(path, buffered)
    if start.startswith(b"{"):
        return _jsonl_rows(buffered)
    if b"\0" in start.partition(b"\n")[0]:
        raise UserError(f"{path}: is not text; allowed are {KNOWN}")
    return _csv_rows(path, buffered) if start else iter(())


def missing(_: str) -> None:
    """What pandas writes as NaN was an empty cell; infinity is no value either."""


ROW_DECODER = json.JSONDecoder(object_pairs_hook=noting, parse_constant=missing)


def fault(value: Any) -> str:
    """Why a JSON value is no row; empty if it is one."""
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
    """The values of a list, one after the other. (ijson knows no line numbers, and one byte that
    is not UTF-8 stops it.)"""
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
                raise UserError(f"{path}:{line}: the JSON list breaks off here; mend it")
            text, at, start = text[at:] + piece, 0, 0
        else:
            reason = fault(value)
            yield RawRow(line, None, text[at:end], reason) if reason else RawRow(line, value)
            start = end


def _csv_rows(path: Path, file: BinaryIO) -> Iterator[RawRow]:
    """Records of as many cells as the header has. The lines of a record are kept until it ends."""
    csv.field_size_limit(LONGEST_VALUE)
    text = io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")
    first, number = text.readline(), 1
    told = TOLD.fullmatch(first)
    while (told and number == 1) or (first and not first.strip()):
        first, number = text.readline(), number + 1
    if not first:
        return
    delimiter = told[1] if told else max(",;\t|", key=QUOTED_CELL.sub("", first).count)
    lines, header = list[str](), list[str]()
    noted = _noted(chain([first], text), lines)
    try:
        for cells in csv.reader(noted, delimiter=delimiter, strict=True):
            if not header:
                header = check_header(path, cells)
            elif len(cells) == len(header):
                yield RawRow(number, dict(zip(header, cells, strict=True)))
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
    """The lines of a text; each is put into a list as it is read."""
    for line in text:
        lines.append(line)
        yield line


def check_header(path: Path, cells: list[str]) -> list[str]:
    """The names of the columns."""
    if len(cells) < 2:
        raise UserError(f"{path}:1: is no CSV header of two or more names; allowed are {KNOWN}")
    if any(FOREIGN.search(cell) for cell in cells):
        raise UserError(
            f"{path}:1: the names of its columns are not UTF-8; `iconv -f GB18030 -t UTF-8` (or "
            "another encoding) converts it"
        )
    check_names(path, cells)
    return cells


def check_names(path: Path, names: list[str]) -> None:
    """No two columns may have one name: a row could hold only one of them. (The name is not said:
    the first line of a CSV may be a record.)"""
    twice = [place for place, name in enumerate(names, 1) if name in names[: place - 1]]
    if twice:
        raise UserError(
            f"{path}: column {twice[0]} has the name of another before it; give each its own"
        )


def _parquet_rows(path: Path, file: BinaryIO) -> Iterator[RawRow]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise UserError(f"{path}: is parquet, which needs `pip install pyarrow`") from None
    try:
        # Group by group: pyarrow keeps what it read of a group as long as it iterates.
        table = ParquetFile(file, buffer_size=1 << 20)
        check_names(path, table.schema_arrow.names)
        groups = (table.iter_batches(1024, [group]) for group in range(table.num_row_groups))
        values = (value for group in groups for batch in group for value in _values(batch))
        for number, value in enumerate(values, start=1):
            yield (
                RawRow(number, value)
                if value is not None
                else RawRow(number, None, "", "damaged_text")
            )
    except ArrowException as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: is no whole parquet file ({reason})") from None


def _values(batch: "RecordBatch") -> Iterator[dict[str, Any] | None]:
    """The rows of a batch; None for one that holds text that is not UTF-8, or a time that is none
    or of an unknown zone."""
    batch = _to_microseconds(batch)
    try:
        yield from batch.to_pylist()
    except UNREADABLE_VALUE:
        for place in range(batch.num_rows):
            try:
                yield from batch.slice(place, 1).to_pylist()
            except UNREADABLE_VALUE:
                yield None


def _to_microseconds(batch: "RecordBatch") -> "RecordBatch":
    """Times as Python knows them: of nanoseconds it would need pandas."""
    import pyarrow

    finer = {
        pyarrow.time64("ns"): pyarrow.time64("us"),
        pyarrow.duration("ns"): pyarrow.duration("us"),
    }
    for place, field in enumerate(batch.schema):
        kind = finer.get(field.type)
        if pyarrow.types.is_timestamp(field.type) and field.type.unit == "ns":
            kind = pyarrow.timestamp("us", field.type.tz)
        if kind:
            column = batch.column(place).cast(kind, safe=False)
            batch = batch.set_column(place, field.name, column)
    return batch
