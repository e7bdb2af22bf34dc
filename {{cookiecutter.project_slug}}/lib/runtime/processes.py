"""Watch and end the processes that this one starts (Linux /proc)."""

import ctypes
import signal
from pathlib import Path

PRCTL = getattr(ctypes.CDLL(None), "prctl", None)  # Linux alone has it


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent ends, for whatever reason."""
    if PRCTL:
        PRCTL(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, <sys/prctl.h>


def descendants(process: int) -> list[int]:
    """List the ids of all child processes of a process, and of their children, from /proc."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        parents[int(folder.name)] = int(status_of(int(folder.name)).get("PPid", "0"))
    found, queue = [], [process]
    while queue:
        queue = [child for child, parent in parents.items() if parent in queue]
        found += queue
    return found


def runs(process: int) -> bool:
    """Tell from /proc whether a process still runs; a zombie does not."""
    return status_of(process).get("State", "Z")[0] not in "ZX"


def status_of(process: int) -> dict[str, str]:
    """Read /proc/PROCESS/status; empty when the process has ended."""
    try:
        text = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _, value in pairs}
