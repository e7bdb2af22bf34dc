"""Replies that were paid for, each written as it comes: a run that is cut off goes on from them."""

import json
import os
import threading
import time
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

_SECONDS = 24 * 3600  # for so long a hosted model is taken to be the same


def fingerprint(*asked: Any) -> str:
    """Return a key for what is asked: the server, the model, its limits and the prompt."""
    said = json.dumps(asked, ensure_ascii=False, sort_keys=True)
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class Kept:
    """Rows by what was asked, in a file of .scratch that grows by a line for each reply.

    name: of the file, a system or a stage. What is older than _SECONDS is forgotten. The line that
    was cut off by the end of a run is not used. Several threads may add rows.
    """

    def __init__(self, name: str) -> None:
        root = Path(os.environ.get("DVC_ROOT", "."), ".scratch", "asked")
        self.path, self.lock = (root / f"{name}.jsonl").absolute(), threading.Lock()
        self.rows: dict[str, dict[str, Any]] = {}
        if self.path.is_file():
            if time.time() - self.path.stat().st_mtime > _SECONDS:
                self.path.unlink()
            else:
                self._read()

    def _read(self) -> None:
        for line in self.path.read_bytes().split(b"\n"):
            try:
                row = json.loads(line)
                self.rows[row.pop("asked")] = row
            except (ValueError, LookupError, TypeError, AttributeError):
                continue

    def add(self, key: str, row: dict[str, Any]) -> None:
        """Keep a row: it is on disk when this returns."""
        line = json.dumps({"asked": key} | row, ensure_ascii=False) + "\n"
        with self.lock:
            self.rows[key] = row
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8", errors="replace") as file:
                if file.tell() and not self._ends_well():
                    file.write("\n")
                file.write(line)

    def _ends_well(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"

    def since(self) -> str:
        """Say when the newest row was written."""
        return datetime.fromtimestamp(self.path.stat().st_mtime, UTC).strftime("%Y-%m-%d %H:%M UTC")

    def forget(self) -> None:
        """Remove the file, when all is stored where it belongs."""
        self.path.unlink(missing_ok=True)
