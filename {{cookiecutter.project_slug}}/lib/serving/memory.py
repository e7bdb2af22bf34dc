"""Measure the peak memory of a model while it is served.

Host memory comes from Linux's /proc, GPU memory from torch, or from nvidia-smi for a server."""

import ctypes
import gc
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from lib.runtime.processes import descendants, status_of


def of_servers(gpus_before: int) -> dict[str, int]:
    """Measure the peak memory of the running child processes of this one.

    That is the sum of their peaks, and the increase of used GPU memory since the start: servers do
    not release memory while they run, so this is their peak.
    """
    found = of_host(descendants(os.getpid()))
    if (grown := on_gpus() - gpus_before) > 0:
        found["peak_gpu_memory_bytes"] = grown
    return found


def on_gpus() -> int:
    """Return the bytes in use on this machine's NVIDIA GPUs, by any process; 0 without a GPU."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return 0
    ask = [tool, "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    told = subprocess.run(ask, capture_output=True, text=True, check=False).stdout
    return 2**20 * sum(int(line) for line in told.split() if line.isdigit())


def of_this_process(device: str) -> dict[str, int]:
    """Measure the peak memory of this process since `look_anew`."""
    found = of_host([os.getpid()])
    if device.startswith("cuda"):
        import torch

        found["peak_gpu_memory_bytes"] = int(torch.cuda.max_memory_allocated(device))
    return found


def look_anew(device: str) -> None:
    """Reset the peaks of this process, and free memory of an earlier model."""
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # of glibc
        trim(0)
    with suppress(OSError):  # Linux alone has it
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    if device.startswith("cuda"):
        import torch

        torch.cuda.init()  # before the first use of the GPU there are no statistics to reset
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def of_host(processes: list[int]) -> dict[str, int]:
    """Sum the peak host memory of processes (bytes); {} where the system does not report it."""
    peaks = [status_of(process).get("VmHWM") for process in processes]
    kilobytes = [int(peak.split()[0]) for peak in peaks if peak]
    return {"peak_host_memory_bytes": 1024 * sum(kilobytes)} if kilobytes else {}
