"""dvc.lock: the hash of every output, and whether the pipeline still fits code, data and params."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lib.errors import UserError

LOCK = Path("dvc.lock")
DRY_RUN = ["repro", "--dry", "--allow-missing"]  # says what it would run, of files here or not


def tracked() -> dict[str, str]:
    """The md5 of each output of the workspace, by path; a folder's ends in .dir."""
    try:
        return outs_of(LOCK.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{LOCK}: not found; `dvc repro` writes it, and git keeps it") from None


def outs_of(text: str) -> dict[str, str]:
    """The same from the text of any dvc.lock."""
    try:
        stages: Any = YAML(typ="safe").load(text)["stages"]
        return {out["path"]: out["md5"] for one in stages.values() for out in one.get("outs", [])}
    except (YAMLError, KeyError, TypeError, AttributeError):
        raise UserError(f"{LOCK}: is not as DVC writes it; `dvc repro` writes it anew") from None


def md5(path: str | Path) -> str:
    """The hash by which DVC knows a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def stale_stages() -> list[str]:
    """The stages that `dvc repro` would run: dvc.lock is older than what they depend on."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *DRY_RUN], capture_output=True, encoding="utf-8"
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise UserError(f"dvc {' '.join(DRY_RUN)}: {said[-1] if said else 'failed'}")
    start, end = "Running stage '", "':"
    lines = [line for line in done.stdout.splitlines() if line.startswith(start)]
    return [line.removeprefix(start).removesuffix(end) for line in lines]
