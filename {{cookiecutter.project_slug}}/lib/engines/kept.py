"""Keep each reply of a server as it arrives, so that an interrupted run can continue."""

import json
import os
import threading
import time
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

_SECONDS = 24 * 3600  # a hosted model is assumed to be unchanged for this long


def fingerprint(*asked: Any) -> str:
    """Return a hash of a request: server, model, limits and prompt."""
    said = json.dumps(asked, ensure_ascii=False, sort_keys=True)
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class Kept:
    """Stores replies by request, in a file in .scratch that grows by one line per reply.

    name: the file's name, a system or a stage. Rows older than _SECONDS and a truncated last line
    are ignored. Thread-safe.
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
        """Store a row; it is on disk when this returns."""
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
        """Delete the file, once all replies are stored in the outputs."""
        self.path.unlink(missing_ok=True)
