"""Write files that are either whole or absent: beside the target, then renamed."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from lib.runtime.errors import UserError


@contextmanager
def atomic_text(path: str | Path) -> Iterator[TextIO]:
    """Open a UTF-8 file for writing that appears under its name only when the block ends well.

    Creates missing folders. After an error in the block an existing file is unchanged.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `path` only when the block ends well.

    After an error in the block an existing folder is unchanged.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        shutil.rmtree(target, ignore_errors=True)
        partial.replace(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_json(path: str | Path, value: Any) -> None:
    """Write indented JSON, whole or not at all: keys in the order given, no text escaped."""
    with atomic_text(path) as file:
        json.dump(value, file, ensure_ascii=False, indent=2)
        file.write("\n")


def read_json(path: str | Path) -> dict[str, Any]:
    """Read the JSON object of a file that a stage wrote.

    Raises UserError where the file is missing or holds anything else.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: not found; `dvc repro` runs the stage that writes it") from None
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UserError(f"{path}: is damaged; `make repair`, then `dvc repro`")
    return value


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits, reading it in blocks."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
