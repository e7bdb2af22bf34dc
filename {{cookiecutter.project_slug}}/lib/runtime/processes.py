"""Processes that this one starts."""

import ctypes
import signal
from pathlib import Path

PRCTL = getattr(ctypes.CDLL(None), "prctl", None)  # Linux alone has it


def die_with_parent() -> None:
    """Have this process killed when the one that started it ends, however it ends."""
    if PRCTL:
        PRCTL(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, <sys/prctl.h>


def descendants(process: int) -> list[int]:
    """List the processes that a process has started, and those they started, by /proc."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        parents[int(folder.name)] = int(status_of(int(folder.name)).get("PPid", "0"))
    found, queue = [], [process]
    while queue:
        queue = [child for child, parent in parents.items() if parent in queue]
        found += queue
    return found


def runs(process: int) -> bool:
    """Tell whether a process has not ended, by /proc; a zombie has ended."""
    return status_of(process).get("State", "Z")[0] not in "ZX"


def status_of(process: int) -> dict[str, str]:
    """Read /proc/PROCESS/status; empty when the process has ended."""
    try:
        text = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _, value in pairs}
