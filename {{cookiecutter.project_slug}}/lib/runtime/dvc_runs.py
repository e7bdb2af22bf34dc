"""Find out which DVC command is running in this project, from the lock notes that DVC writes."""

import json
import os
from pathlib import Path
from typing import Any

from lib.runtime.errors import UserError

NOTES = Path(".dvc/tmp/rwlock")


def refuse_while_at_work() -> None:
    """Raise UserError while DVC runs a stage here.

    Files read meanwhile could come partly from one run and partly from another.
    """
    if said := at_work():
        raise UserError(f"{said}; wait until it has ended")


def at_work() -> str:
    """Describe the DVC command that is writing here now, with its process id; "" where none is.

    The note that a killed command leaves behind does not count.
    """
    try:
        writers: dict[str, Any] = json.loads(NOTES.read_text(encoding="utf-8")).get("write", {})
        for path, one in writers.items():
            if is_dvc(int(one["pid"])):
                command = " ".join(Path(word).name for word in str(one["cmd"]).split()[:3])
                return f"`{command}` (process {one['pid']}) is running and writes {_short(path)}"
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""  # no note, or none that can be read: `make repair` removes such a file
    return ""


def _short(path: str) -> str:
    """Name a path as seen from here, where it lies below."""
    return os.path.relpath(path) if Path(path).is_absolute() else path


def is_dvc(process: int) -> bool:
    """Tell whether a process is alive and, where /proc says so, is DVC: process ids are reused."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is alive, and belongs to another user
    try:
        return b"dvc" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return True
