"""Processes that this one starts."""

import ctypes
import signal

PRCTL = getattr(ctypes.CDLL(None), "prctl", None)  # Linux alone has it


def die_with_parent() -> None:
    """Have this process killed when the one that started it ends, however it ends."""
    if PRCTL:
        PRCTL(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, <sys/prctl.h>
