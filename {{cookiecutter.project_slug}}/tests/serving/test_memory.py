"""The peak of memory is that of the processes it is asked of, since it was last looked at."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lib.engines import server
from lib.serving import memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak")
BIG = 10**8


def peak(found: dict[str, int]) -> int:
    return found.get("peak_host_memory_bytes", 0)


def test_the_peak_of_a_server_is_its_own_and_that_of_its_children() -> None:
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; x = "
    child += f"bytearray({BIG}); time.sleep(60)'])"
    before = peak(memory.of_servers(0))
    process = subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
    try:
        while peak(memory.of_servers(0)) < before + BIG:
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        server.stop(process)


def test_the_peak_of_this_process_is_looked_at_anew() -> None:
    at_first = peak(memory.of_host([os.getpid()]))
    held = bytearray(at_first + BIG)
    assert peak(memory.of_this_process("cpu")) >= at_first + BIG
    del held
    memory.look_anew("cpu")
    assert peak(memory.of_this_process("cpu")) < at_first + BIG


def test_what_gpus_hold_more_than_before_is_the_servers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two GPUs, by a program that prints as nvidia-smi does."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 1000\necho 24\n", encoding="ascii")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert memory.on_gpus() == 1024 * 2**20
    assert memory.of_servers(1000 * 2**20)["peak_gpu_memory_bytes"] == 24 * 2**20
    assert "peak_gpu_memory_bytes" not in memory.of_servers(1024 * 2**20)


def test_a_gpu_is_started_before_its_peak_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that nothing is on yet has no figures, and torch ends with `Invalid device argument`.

    Seen on an H200; here its calls are written down."""
    done: list[str] = []
    for name in ("init", "empty_cache", "reset_peak_memory_stats"):
        monkeypatch.setattr(f"torch.cuda.{name}", lambda *_, name=name: done.append(name))
    memory.look_anew("cuda:0")
    assert done == ["init", "empty_cache", "reset_peak_memory_stats"]
