"""Recognize unsupported files by their first bytes, and say how to convert them."""

import json
import re
from pathlib import Path

from lib.core.strict_json import DECODER
from lib.runtime.errors import UserError

KNOWN = "JSONL, a JSON list, CSV with a header line, parquet or Arrow; plain, gzip or zstd"
PANDAS = "write it by df.to_json(path, orient='records', lines=True)"
BINARY = {  # the first bytes of a file: what it is, and what to do
    b"\xd0\xcf\x11\xe0": "an Excel workbook (.xls); save it as CSV UTF-8",
    b"\x04\x22\x4d\x18": f"packed with lz4; unpack it; allowed are {KNOWN}",
    b"BZh": f"packed with bzip2; unpack it; allowed are {KNOWN}",
    b"\xfd7zXZ": f"packed with xz; unpack it; allowed are {KNOWN}",
    b"7z\xbc\xaf": f"packed with 7z; unpack it; allowed are {KNOWN}",
    b"Rar!": f"packed with rar; unpack it; allowed are {KNOWN}",
    b"%PDF": "a PDF; write its text into rows (JSONL)",
    b"SQLite format 3": "an SQLite database; write its table as CSV: sqlite3 -csv -header FILE ...",
    b"\x89HDF": f"an HDF5 file; {PANDAS}",
    b"Obj\x01": "an Avro file; write it as parquet or JSONL",
    b"ORC": "an ORC file; write it as parquet or JSONL",
    b"\x93NUMPY": "a NumPy array; write its rows as JSONL",
    b"\x89PNG": "an image; only rows of text are read",
    b"\xff\xd8\xff": "an image; only rows of text are read",
    b"\x80\x04": "a pickle, which could run any code when read; write its rows as JSONL",
    b"\x80\x05": "a pickle, which could run any code when read; write its rows as JSONL",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself; `git lfs pull` gets it",
    b"outs:\n": "a pointer of DVC (.dvc), not the file itself; `dvc pull` gets it",
    b"\xff\xfe": "UTF-16 or UTF-32; save it as UTF-8, by `iconv -f UTF-16 -t UTF-8 FILE > NEW`",
    b"\xfe\xff": "UTF-16 or UTF-32; save it as UTF-8, by `iconv -f UTF-16 -t UTF-8 FILE > NEW`",
    b"\0\0\xfe\xff": "UTF-16 or UTF-32; save it as UTF-8, by `iconv -f UTF-16 -t UTF-8 FILE > NEW`",
}
ZIP = b"PK\x03\x04"
IN_ZIP = {  # names of members of a zip: what the file is then
    b"xl/": "an Excel workbook; save it as CSV UTF-8",
    b"word/": "a Word document; write its text into rows (JSONL)",
    b"mimetypeapplication/vnd.oasis": "an OpenDocument file; save it as CSV UTF-8",
}
_TAR = slice(257, 262)  # where a tar says that it is one
_MAIL = re.compile(
    rb"(From \S+ .*\n)?(Return-Path|Received|Delivered-To|Message-ID|From|To|Subject): "
)
_YAML = re.compile(rb"(---\s*\n)?- [\w\"']+: ")
_AS_TEXT = re.compile(rb'"[{\[]\s*\\"')  # JSON that was written as JSON once more
HTML = re.compile(rb"<(!doctype|html|head|body)", re.IGNORECASE)
XML = re.compile(rb"<(\?xml|[a-z_]+[ >/])", re.IGNORECASE)
STRING = rb'"(?:[^"\\]|\\.)*"'
PANDAS_JSON = re.compile(rb"\{\s*" + STRING + rb'\s*:\s*\{\s*"\d+"\s*:')  # an object of columns
PANDAS_INDEX = re.compile(rb'\{\s*"\d+"\s*:\s*\{')  # an object of rows by number
PANDAS_SPLIT = re.compile(
    rb'\{\s*"(columns"\s*:\s*\[.*"(index|data)"\s*:\s*\[|schema"\s*:\s*\{)', re.S
)
OPENED = re.compile(rb"\{\s*\n")


def refuse(path: Path, head: bytes) -> None:
    """Raise UserError where a file begins like a known format that is not read here."""
    for magic, said in BINARY.items():
        if head.startswith(magic):
            raise UserError(f"{path}: is {said.replace('FILE', str(path))}")
    if head.startswith(ZIP):
        packed = f"packed with zip; unpack it; allowed are {KNOWN}"
        kinds = [what for name, what in IN_ZIP.items() if name in head]
        raise UserError(f"{path}: is {[*kinds, packed][0]}")
    if head[_TAR] == b"ustar":
        raise UserError(f"{path}: is a tar archive; unpack it (tar -xf); allowed are {KNOWN}")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _AS_TEXT.match(start):
        raise UserError(
            f"{path}: each line is JSON written as a text; read it, `jq -c fromjson {path} > "
            "data/raw/rows.jsonl`, and name that file in data.sources"
        )
    if _MAIL.match(start):
        raise UserError(f"{path}: is mail; write its messages into rows (JSONL)")
    if _YAML.match(start):
        raise UserError(f"{path}: is YAML; write its rows as JSONL")
    if HTML.match(start):
        raise UserError(f"{path}: is an HTML page, perhaps a login page; download the file itself")
    if XML.match(start):
        raise UserError(f"{path}: is XML; write its rows as JSONL")
    if start.startswith(b"{"):
        refuse_object(path, start)


def refuse_object(path: Path, start: bytes) -> None:
    """Raise UserError for JSON that is one object over several lines, or a table of pandas."""
    alone = b"\n" not in start.strip()  # one line, as pandas writes; JSONL has more
    if alone and PANDAS_JSON.match(start):
        raise UserError(f"{path}: is an object of columns, as pandas writes by default; {PANDAS}")
    if (alone and PANDAS_INDEX.match(start)) or PANDAS_SPLIT.match(start):
        raise UserError(f"{path}: is a table of pandas in one object; {PANDAS}")
    if OPENED.match(start) or spans_lines(start):
        raise UserError(
            f"{path}: is JSON objects over several lines each; write one a line, `jq -c . {path} > "
            "data/raw/rows.jsonl` (`jq -c '.NAME[]'` where the rows are a list inside of one "
            "object, `jq -c '.[]'` where each has a name there), and name that file in data.sources"
        )


def spans_lines(start: bytes) -> bool:
    """Tell whether the first line is an incomplete JSON object that later lines complete."""
    text = start.decode("utf-8", "replace")
    line = text.partition("\n")[0]
    try:
        json.loads(line)
    except ValueError:
        try:
            return "\n" in text[: DECODER.raw_decode(text)[1]]
        except (ValueError, RecursionError):
            return False
    except RecursionError:
        return False
    return False
