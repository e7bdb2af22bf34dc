"""Do training, quantization and a server work on this machine's GPU, how fast, and is a resumed run
the same to the bit?

run     make gpu-check
prints  a Markdown table: what was run, what came out, on which GPU with which versions, when
exit    0, or 1 where a check broke; the others are run all the same

The model is a Qwen3 of 0.6 B parameters with random weights, made on the spot; nothing is
downloaded. Speed and memory are those of a real one; what it learns means nothing.
"""

import platform
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lib.runtime.errors import CommandLine, UserError, run
from tests import gpu_serving, gpu_training
from tests.gpu_base import QWEN3, TINY, Size, make_base

PACKAGES = (
    *("torch", "transformers", "trl", "peft", "accelerate", "bitsandbytes"),
    *("llmcompressor", "compressed-tensors"),
)


def first_line(error: Exception) -> str:
    """What an error says, for a cell of the table."""
    return (str(error).splitlines() or [""])[0]


def installed() -> str:
    """Versions of what was run."""
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def checks(folder: Path, size: Size, device: str) -> dict[str, Callable[[], str]]:
    """What is run, in order."""
    return gpu_training.checks(folder, size, device) | gpu_serving.checks(folder, size, device)


def main() -> None:
    parser = CommandLine("tests.gpu_check", __doc__)
    words = "a toy model, on the CPU where there is no GPU: shows that this script works"
    parser.add_argument("--tiny", action="store_true", help=words)
    tiny: bool = parser.parse_args().tiny
    import torch

    if not (torch.cuda.is_available() or tiny):
        raise UserError(
            "gpu-check: torch sees no GPU here; run it where `nvidia-smi` shows one and torch is "
            "a CUDA build"
        )
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    where = torch.cuda.get_device_name() if device != "cpu" else f"CPU, {platform.machine()}"
    size = TINY if tiny else QWEN3
    today = datetime.now(UTC).date().isoformat()
    broken = 0
    print("| check | result | when, where |\n| --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory() as name:
        make_base(Path(name, "base"), size, device)
        for what, check in checks(Path(name), size, device).items():
            try:
                with redirect_stdout(sys.stderr):  # what trainers print is no row
                    result = check()
            except UserError as error:
                result = f"not run: {error}"
            except Exception as error:  # it hides no other
                traceback.print_exc()
                broken += 1
                result = f"BROKEN: {type(error).__name__}: {first_line(error)}"
            print(f"| {what} | {result} | {today}, {where}, {installed()} |", flush=True)
    if broken:
        raise SystemExit(1)


if __name__ == "__main__":
    run(main, arguments=True)
