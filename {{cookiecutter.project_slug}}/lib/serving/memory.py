"""The memory that a model takes while it is served, at the peak: the host's by Linux's /proc, a
GPU's by torch, or by nvidia-smi where it is a server that holds it."""

import ctypes
import gc
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from lib.runtime.processes import descendants, status_of


def of_servers(gpus_before: int) -> dict[str, int]:
    """Measure the peak memory of the running processes that this one has started.

    The sum of their peaks, and what GPUs hold more than before the start. Servers give nothing back
    while they run, so that is their peak.
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
    """Reset the peaks of this process, and free what a model before has left."""
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # of glibc
        trim(0)
    with suppress(OSError):  # Linux alone has it
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    if device.startswith("cuda"):
        import torch

        torch.cuda.init()  # before anything is on the GPU there are no figures to reset
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def of_host(processes: list[int]) -> dict[str, int]:
    """Sum the peaks of processes in host memory (bytes); empty where the system does not tell."""
    peaks = [status_of(process).get("VmHWM") for process in processes]
    kilobytes = [int(peak.split()[0]) for peak in peaks if peak]
    return {"peak_host_memory_bytes": 1024 * sum(kilobytes)} if kilobytes else {}
