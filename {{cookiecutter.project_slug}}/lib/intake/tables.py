"""Read rows of tables: parquet, and Arrow as `datasets.save_to_disk` writes it."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from pyarrow import RecordBatch

UNREADABLE_VALUE = (ValueError, OverflowError, KeyError)  # by which pyarrow may refuse a value


class RawRow(NamedTuple):
    """A row of a raw file; `value` is None where it could not be parsed, and `reason` says why."""

    line: int
    value: dict[str, Any] | None
    raw: str = ""
    reason: str = ""


def check_names(path: Path, names: list[str]) -> None:
    """Raise UserError for two columns of the same name: a row could keep only one of them.

    The name is not shown: the first line of a CSV may be a record with personal data.
    """
    twice = [column for column, name in enumerate(names, 1) if name in names[: column - 1]]
    if twice:
        raise UserError(
            f"{path}: column {twice[0]} has the name of an earlier one; give each a unique name"
        )


def parquet_rows(path: Path, file: BinaryIO) -> Iterator[RawRow]:
    """Yield the rows of a parquet file; raise UserError where it is not whole."""
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise UserError(f"{path}: is parquet, which needs `pip install pyarrow`") from None
    try:
        # By row group: pyarrow keeps all that it has read while an iteration lasts.
        table = ParquetFile(file, buffer_size=1 << 20)
        check_names(path, table.schema_arrow.names)
        groups = (table.iter_batches(1024, [group]) for group in range(table.num_row_groups))
        yield from _numbered(batch for group in groups for batch in group)
    except ArrowException as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: is not a complete parquet file ({reason})") from None


def arrow_rows(path: Path, file: BinaryIO) -> Iterator[RawRow]:
    """Yield the rows of an Arrow file or stream; raise UserError where it is not whole."""
    try:
        from pyarrow import ArrowException, ipc
    except ImportError:
        raise UserError(f"{path}: is Arrow, which needs `pip install pyarrow`") from None
    try:
        # An Arrow file needs a seekable file; a stream begins with its schema.
        if file.read(6) == b"ARROW1":
            whole = ipc.open_file(path)
            check_names(path, whole.schema.names)
            yield from _numbered(whole.get_batch(at) for at in range(whole.num_record_batches))
        else:
            with ipc.open_stream(path) as stream:
                check_names(path, stream.schema.names)
                yield from _numbered(stream)
    except ArrowException as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: is not a complete Arrow file ({reason})") from None


def _numbered(batches: Iterable["RecordBatch"]) -> Iterator[RawRow]:
    """Yield the rows of batches, with their numbers in the file."""
    values = (value for batch in batches for value in values_of(batch))
    for number, value in enumerate(values, start=1):
        if value is None:
            yield RawRow(number, None, "", "damaged_text")
        else:
            yield RawRow(number, value)


def values_of(batch: "RecordBatch") -> Iterator[dict[str, Any] | None]:
    """Yield the rows of a batch as dictionaries, None for one that cannot be read.

    That is a row with text that is not UTF-8, an invalid time or an unknown time zone.
    """
    batch = to_microseconds(batch)
    try:
        yield from rows_in(batch)
    except UNREADABLE_VALUE:
        for index in range(batch.num_rows):
            try:
                yield from rows_in(batch.slice(index, 1))
            except UNREADABLE_VALUE:
                yield None


def rows_in(batch: "RecordBatch") -> list[dict[str, Any]]:
    """List the rows of a batch, with names for numbers of classes; maps are objects."""
    rows: list[dict[str, Any]] = batch.to_pylist(maps_as_pydicts="strict")
    for column, names in names_of_classes(batch.schema.metadata).items():
        for row in rows if column in batch.schema.names else ():
            at = row[column]
            if isinstance(at, int):  # -1 is no class: a test set without answers
                row[column] = names[at] if 0 <= at < len(names) else None
    return rows


def names_of_classes(metadata: dict[bytes, bytes] | None) -> dict[str, list[str]]:
    """Read the names of classes that `datasets` keeps beside columns of their numbers."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return {name: one["names"] for name, one in features.items() if one.get("names")}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def to_microseconds(batch: "RecordBatch") -> "RecordBatch":
    """Convert times to microseconds, Python's resolution; nanoseconds would need pandas."""
    import pyarrow

    finer = {
        pyarrow.time64("ns"): pyarrow.time64("us"),
        pyarrow.duration("ns"): pyarrow.duration("us"),
    }
    for index, field in enumerate(batch.schema):
        kind = finer.get(field.type)
        if pyarrow.types.is_timestamp(field.type) and field.type.unit == "ns":
            kind = pyarrow.timestamp("us", field.type.tz)
        if kind:
            column = batch.column(index).cast(kind, safe=False)
            batch = batch.set_column(index, field.name, column)
    return batch
