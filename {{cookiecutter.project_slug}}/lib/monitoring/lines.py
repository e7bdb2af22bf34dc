"""Log files as lines, whatever wrote, rotated, compressed or shipped them.

A line that leaves here is a JSON object or a server's text, without what a container runtime or a
terminal put around it.
"""

import bz2
import gzip
import json
import lzma
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from lib.runtime.errors import UserError

OPENERS: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
REFUSED = {  # what a log is packed in at times, and what unpacks it
    b"\x28\xb5\x2f\xfd": "is compressed by zstd; unpack it with `zstd -d`",
    b"PK\x03\x04": "is a zip archive; unpack it with `unzip`",
    b"PAR1": "is a Parquet file; write its rows as JSON lines",
}
BROKEN = (EOFError, gzip.BadGzipFile, lzma.LZMAError, OSError)
COLOR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
CRI = re.compile(r"\d{4}-\d\d-\d\dT\S+ (stdout|stderr) ([FP])(?:$| (.*))", re.DOTALL)
DOCKER = {"log", "stream", "time", "attrs"}  # the keys of its json-file driver
CARRIERS = ("log", "message", "MESSAGE", "msg", "line", "textPayload")  # of a server's text
DEEPEST = 4  # frames around a row: a shipper's, a runtime's, ...
DECODER = json.JSONDecoder()
BETWEEN = re.compile(r"[\s,]*")  # two objects
NEXT = re.compile(r"\n[ \t]*(?=\{)")  # a line that begins an object


def log_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a log file; of a JSON document of many lines each object is one.

    path: plain text (UTF-8 or UTF-16), or compressed by gzip, bzip2 or xz. Bytes that are no text
    become U+FFFD: a log is never perfect. Raises UserError where the file cannot be read.
    """
    try:
        with _open(path) as file:
            first = next((line for line in file if line.strip()), "")
            if is_document(first):
                yield from objects(first + file.read())
            else:
                yield from chain([first], file)
    except BROKEN as error:
        raise UserError(
            f"{path}: cannot be read ({error}); replace it by a complete file"
        ) from None


def _open(path: Path) -> TextIO:
    with path.open("rb") as file:
        start = file.read(512)
    for magic, cure in REFUSED.items():
        if start.startswith(magic):
            raise UserError(f"{path}: {cure}, then name what comes of it")
    opener = next((OPENERS[magic] for magic in OPENERS if start.startswith(magic)), None)
    if opener:
        with opener(path, "rb") as file:
            start = file.read(512)
    if start[257:262] == b"ustar":
        raise UserError(f"{path}: is a tar archive; unpack it with `tar xf`, then name its files")
    utf_16 = start.startswith((b"\xff\xfe", b"\xfe\xff"))  # PowerShell's redirection writes it
    encoding = "utf-16" if utf_16 else "utf-8-sig"
    if opener:
        packed: TextIO = opener(path, "rt", encoding=encoding, errors="replace")
        return packed
    return path.open(encoding=encoding, errors="replace")


def is_document(line: str) -> bool:
    """Tell whether the first line of a file begins a list of objects, or one of many lines."""
    begins = line.strip()
    return begins in ("{", "[") or bool(re.match(r"\[\s*\{", begins))


def objects(text: str) -> Iterator[str]:
    """Yield each object of a JSON document on one line, and what is none as it stands."""
    at = re.match(r"\s*\[?\s*", text).end()  # type: ignore[union-attr]  # matches always
    while at < len(text):
        try:
            value, end = DECODER.raw_decode(text, at)
            yield json.dumps(value, ensure_ascii=False)
            at = BETWEEN.match(text, end).end()  # type: ignore[union-attr]
            if text[at:].strip() == "]":
                return
        except ValueError:
            following = NEXT.search(text, at + 1)
            end = following.end() if following else len(text)
            yield " ".join(text[at:end].split())
            at = end


def decode(line: str) -> tuple[list[Any], str]:
    """Return the JSON objects that a line begins with, and the rest of the line."""
    values, at = [], 0
    while at < len(line) and line[at] == "{":
        try:
            value, end = DECODER.raw_decode(line, at)
        except (ValueError, RecursionError):
            break
        values.append(value)
        at = BETWEEN.match(line, end).end()  # type: ignore[union-attr]  # matches always
    return values, line[at:]


def carried(row: Any) -> str | None:
    """Return the text that a log shipper's row carries; None where it has none."""
    return next((row[key] for key in CARRIERS if isinstance(row.get(key), str)), None)


def inside(row: Any, wanted: Callable[[dict[str, Any]], bool], depth: int = DEEPEST) -> Any:
    """Return the first object at any depth of a row that is `wanted`; None where there is none.

    It may also stand as a text.
    """
    if not isinstance(row, dict) or depth < 0:
        return None
    for value in row.values():
        if isinstance(value, str) and value.lstrip()[:1] == "{":
            found, _ = decode(value.strip())
            value = found[0] if found else None
        if isinstance(value, dict) and wanted(value):
            return value
        if (deeper := inside(value, wanted, depth - 1)) is not None:
            return deeper
    return None


class Container:
    """Takes off a container runtime's frame; joins the parts into which it cuts long lines."""

    def __init__(self) -> None:
        self.parts = defaultdict[str, str](str)  # of a stream, until its last one comes

    def line(self, line: str) -> str:
        """Return the line inside of a line of Kubernetes' runtimes (CRI); empty until its end."""
        line = COLOR.sub("", line).strip("\ufeff \t\r\n")
        if not (found := CRI.fullmatch(line)):
            return line
        stream, kind, part = found.groups(default="")
        self.parts[stream] += part
        return self.parts.pop(stream).strip() if kind == "F" else ""

    def row(self, row: dict[str, Any]) -> str | None:
        """Return the text that Docker's or a shipper's row carries; empty until its end."""
        if isinstance(row.get("log"), str) and row.keys() <= DOCKER:
            stream = "docker " + str(row.get("stream"))
            self.parts[stream] += row["log"]
            return self.parts.pop(stream) if row["log"].endswith("\n") else ""
        return carried(row)
