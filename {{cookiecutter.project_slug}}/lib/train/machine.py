"""The memory of the machine at hand: what a training may take, and what it has taken."""

import os
import resource
import sys
from pathlib import Path


def available_memory(device: str, sharing: int = 1) -> float:
    """Return the bytes that the device has for each of the `sharing` processes.

    A GPU has one process. A container or a job of a cluster may be allowed less than the machine
    has.
    """
    if device == "cpu":
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return min([float(whole), *allowed()]) / sharing
    import torch

    return float(torch.cuda.get_device_properties(device).total_memory)


def allowed(
    membership: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> list[float]:
    """List the memory limits (bytes) of the control groups this process is in (Linux).

    Of version 2, its own and those above it; of version 1, as a container sees its own.
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
    return [float(limit) for limit in limits if limit.isdigit()]  # or `max`: none


def peak_memory(device: str) -> int:
    """Return the most bytes that this process has held: on a GPU those of torch, else all of it."""
    if device == "cpu":
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    import torch

    return int(torch.cuda.max_memory_allocated(device))
