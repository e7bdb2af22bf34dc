"""Read log files as lines, whether rotated, compressed or shipped.

Each line is a JSON object or a server's text, without frames of a container runtime or terminal.
"""

import bz2
import gzip
import json
import lzma
import re
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
REFUSED = {  # other compressions, and how to unpack them
    b"\x28\xb5\x2f\xfd": "is compressed by zstd; unpack it with `zstd -d`",
    b"PK\x03\x04": "is a zip archive; unpack it with `unzip`",
    b"PAR1": "is a Parquet file; write its rows as JSON lines",
}
BROKEN = (EOFError, gzip.BadGzipFile, lzma.LZMAError, OSError)
_DECODER = json.JSONDecoder()
_BETWEEN = re.compile(r"[\s,]*")  # two objects
NEXT = re.compile(r"\n[ \t]*(?=\{)")  # a line that begins an object


def log_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a log file; a JSON document over many lines gives one per object.

    path: plain text (UTF-8 or UTF-16), or compressed by gzip, bzip2 or xz. Undecodable bytes become
    U+FFFD. Raises UserError where the file cannot be read.
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
            raise UserError(f"{path}: {cure}, then name the unpacked file")
    opener = next((OPENERS[magic] for magic in OPENERS if start.startswith(magic)), None)
    if opener:
        with opener(path, "rb") as file:
            start = file.read(512)
    if start[257:262] == b"ustar":
        raise UserError(f"{path}: is a tar archive; unpack it with `tar xf`, then name its files")
    utf_16 = start.startswith((b"\xff\xfe", b"\xfe\xff"))  # written by PowerShell's redirection
    encoding = "utf-16" if utf_16 else "utf-8-sig"
    if opener:
        packed: TextIO = opener(path, "rt", encoding=encoding, errors="replace")
        return packed
    return path.open(encoding=encoding, errors="replace")


def is_document(line: str) -> bool:
    """Tell whether a first line begins a list of objects, or an object of many lines."""
    begins = line.strip()
    return begins in ("{", "[") or bool(re.match(r"\[\s*\{", begins))


def objects(text: str) -> Iterator[str]:
    """Yield each object of a JSON document on one line, and other text unchanged."""
    at = re.match(r"\s*\[?\s*", text).end()  # type: ignore[union-attr]  # matches always
    while at < len(text):
        try:
            value, end = _DECODER.raw_decode(text, at)
            yield json.dumps(value, ensure_ascii=False)
            at = _BETWEEN.match(text, end).end()  # type: ignore[union-attr]
            if text[at:].strip() == "]":
                return
        except ValueError:
            following = NEXT.search(text, at + 1)
            end = following.end() if following else len(text)
            yield " ".join(text[at:end].split())
            at = end
