"""A corpus of any size from the sample's tickets, each one different, in every format curate reads.

usage   python -m benchmarks.curate.corpus FOLDER MEGABYTES FORMAT...
writes  FOLDER/corpus.FORMAT
"""

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterable, Iterator
from itertools import count, cycle
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

RAW = Path(__file__).parents[2] / "{{cookiecutter.project_slug}}/data/raw/tickets_chat.jsonl"
FORMATS = ("jsonl", "json", "csv", "parquet", "jsonl.gz", "jsonl.zst")
PER_GROUP = 1_000_000  # rows of a row group: the default of pyarrow and pandas


def name(number: int) -> str:
    """A number as letters: digits might be taken for a phone number."""
    letters = ""
    while number:
        number, digit = divmod(number, 26)
        letters = chr(97 + digit) + letters
    return letters


def tickets() -> Iterator[tuple[str, str]]:
    """Question and answer without end; rows without them are left out."""
    sample = []
    for line in RAW.read_text(encoding="utf-8").splitlines():
        try:
            asked, answer = (turn["content"] for turn in json.loads(line)["messages"])
        except (ValueError, TypeError, KeyError):
            continue
        if isinstance(asked, str) and "\ud83d" not in asked and isinstance(answer, str):
            sample.append((asked, answer))
    for number, (asked, answer) in zip(count(26), cycle(sample)):
        yield f"{asked} Reference {name(number)}.", answer


def rows(size: int) -> Iterator[dict[str, str]]:
    """Rows that together are `size` bytes as JSON lines."""
    for asked, answer in tickets():
        row = {"prompt": asked, "completion": answer}
        size -= len(dumps(row)) + 1
        if size < 0:
            return
        yield row


def dumps(row: Any) -> bytes:
    """One line of JSON."""
    return json.dumps(row, ensure_ascii=False).encode()


def write(file: BinaryIO, form: str, found: Iterable[dict[str, str]]) -> None:
    """The rows in one of the formats."""
    if form == "jsonl":
        for row in found:
            file.write(dumps(row) + b"\n")
    elif form == "json":
        for number, row in enumerate(found):
            file.write((b",\n" if number else b"[\n") + dumps(row))
        file.write(b"\n]\n")
    elif form == "csv":
        text = io.TextIOWrapper(file, "utf-8", newline="")
        table = csv.DictWriter(text, ["prompt", "completion"])
        table.writeheader()
        table.writerows(found)
        text.flush()
        text.detach()
    elif form == "parquet":
        schema = pa.schema([("prompt", pa.string()), ("completion", pa.string())])
        with pq.ParquetWriter(file, schema) as out:
            group: list[dict[str, str]] = []
            for row in found:
                group.append(row)
                if len(group) == PER_GROUP:
                    out.write_table(pa.Table.from_pylist(group, schema))
                    group = []
            out.write_table(pa.Table.from_pylist(group, schema))
    elif form == "jsonl.gz":
        with gzip.open(file, "wb", compresslevel=1) as packed:
            write(packed, "jsonl", found)  # type: ignore[arg-type]
    else:
        with pa.CompressedOutputStream(file, "zstd") as packed:
            write(packed, "jsonl", found)


def make(folder: Path, megabytes: int, form: str) -> Path:
    """The corpus as a file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"corpus.{form}"
    with path.open("wb") as file:
        write(file, form, rows(megabytes * 1_000_000))
    return path


if __name__ == "__main__":
    for one in sys.argv[3:]:
        print(make(Path(sys.argv[1]), int(sys.argv[2]), one))
