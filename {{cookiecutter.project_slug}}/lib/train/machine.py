"""Measure the memory of this machine: available to a training, and used by it."""

import os
import resource
import sys
from pathlib import Path


def available_memory(device: str, sharing: int = 1) -> float:
    """Return the bytes of memory that each of the `sharing` processes can use.

    A GPU has one process. A container or cluster job may have a lower limit than the machine.
    """
    if device == "cpu":
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return min([float(whole), *allowed()]) / sharing
    import torch

    return float(torch.cuda.get_device_properties(device).total_memory)


def allowed(
    membership: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> list[float]:
    """List the memory limits (bytes) of the control groups of this process (Linux).

    For version 2 its own group and those above it; for version 1 the container's own.
    """
    if not membership.is_file():
        return []
    lines = membership.read_text(encoding="utf-8").splitlines()
    own = root / next((line[3:].strip("/") for line in lines if line.startswith("0::")), "")
    files = [
        *(group / "memory.max" for group in (own, *own.parents)),
        root / "memory/memory.limit_in_bytes",
    ]
    limits = [path.read_text(encoding="utf-8").strip() for path in files if path.is_file()]
    return [float(limit) for limit in limits if limit.isdigit()]  # or `max`: no limit


def peak_memory(device: str) -> int:
    """Return the peak memory of this process in bytes: torch's on a GPU, else its resident set."""
    if device == "cpu":
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    import torch

    return int(torch.cuda.max_memory_allocated(device))
