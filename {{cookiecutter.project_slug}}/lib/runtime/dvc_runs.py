"""Which command of DVC is at work in this project: it notes what it writes in a file of its own."""

import json
import os
from pathlib import Path
from typing import Any

from lib.runtime.errors import UserError

NOTES = Path(".dvc/tmp/rwlock")


def refuse_while_at_work() -> None:
    """Raise UserError while DVC runs a stage here.

    What is read now may be half of one run and half of another.
    """
    if said := at_work():
        raise UserError(f"{said}; wait until it has ended")


def at_work() -> str:
    """Say which command of DVC writes here now, with its process; "" where none does.

    A command that was killed leaves its note behind: it does not count.
    """
    try:
        writers: dict[str, Any] = json.loads(NOTES.read_text(encoding="utf-8")).get("write", {})
        for path, one in writers.items():
            if is_dvc(int(one["pid"])):
                command = " ".join(Path(word).name for word in str(one["cmd"]).split()[:3])
                return f"`{command}` (process {one['pid']}) is at work and writes {_short(path)}"
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""  # no note, or none that can be read: `make repair` removes such a file
    return ""


def _short(path: str) -> str:
    """Name a path as seen from here, where it lies below."""
    return os.path.relpath(path) if Path(path).is_absolute() else path


def is_dvc(process: int) -> bool:
    """Tell whether a process lives and, where /proc tells, is DVC: numbers are given out again."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it lives, and is another user's
    try:
        return b"dvc" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return True
