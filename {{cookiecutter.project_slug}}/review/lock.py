"""dvc.lock: the hash of every output, and whether the pipeline still fits code, data and params."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lib.core.config import read_yaml
from lib.runtime.errors import UserError

LOCK, PIPELINE = Path("dvc.lock"), Path("dvc.yaml")
# A stage has changed whose inputs are not here, as in a clone that pulled no more than it needs:
# DVC looks for their hashes, and stops.
MISSING = re.compile(r"failed to reproduce '(.+?)': \[Errno 2\]")
DRY_RUN = ["repro", "--dry", "--allow-missing"]  # says what it would run, of files here or not


def tracked() -> dict[str, str]:
    """Read the md5 of each output of the workspace, by path; a folder's ends in .dir.

    DVC leaves stages in dvc.lock that dvc.yaml no longer has: they do not count.
    """
    try:
        text = LOCK.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{LOCK}: not found; `dvc repro` writes it, and git keeps it") from None
    return outs_of(text, is_stage)


def is_stage(name: str) -> bool:
    """Tell whether dvc.yaml has a stage, such as `split` or `answer@tuned`."""
    name, _, key = name.partition("@")
    stage = pipeline().get(name)
    keys = stage.get("foreach") if stage else None
    if isinstance(keys, dict):
        return key in map(str, keys)
    return stage is not None


def pipeline() -> dict[str, Any]:
    """Read the stages of dvc.yaml."""
    return dict(read_yaml(PIPELINE).get("stages") or {})


def frozen_stages() -> list[str]:
    """List the stages that dvc.yaml freezes: DVC never runs them, whatever has changed."""
    return [name for name, one in pipeline().items() if one.get("do", one).get("frozen")]


def outs_of(text: str, counts: Callable[[str], bool] = lambda name: True) -> dict[str, str]:
    """Read the same from the text of any dvc.lock, of the stages that count."""
    try:
        stages: Any = YAML(typ="safe").load(text)["stages"]
        found = [one for name, one in stages.items() if counts(name)]
        return {out["path"]: out["md5"] for one in found for out in one.get("outs", [])}
    except (YAMLError, KeyError, TypeError, AttributeError):
        raise UserError(f"{LOCK}: is damaged; `make repair`, then `dvc repro`") from None


def md5(path: str | Path) -> str:
    """Compute the hash by which DVC knows a file, or a folder: that of the list of its files."""
    path = Path(path)
    if path.is_dir():
        files = (file for file in path.rglob("*") if file.is_file())
        listed = [{"md5": md5(one), "relpath": one.relative_to(path).as_posix()} for one in files]
        listed.sort(key=lambda one: one["relpath"])
        raw = json.dumps(listed, sort_keys=True).encode()
        return hashlib.md5(raw, usedforsecurity=False).hexdigest() + ".dir"
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def stale_stages() -> list[str]:
    """List the stages that `dvc repro` would run: dvc.lock is older than what they depend on."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *DRY_RUN], capture_output=True, encoding="utf-8"
    )
    unread = MISSING.findall(done.stderr)
    if done.returncode and not unread:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise UserError(f"dvc {' '.join(DRY_RUN)}: {said[-1] if said else 'failed'}")
    start, end = "Running stage '", "':"
    lines = [line for line in done.stdout.splitlines() if line.startswith(start)]
    return [line.removeprefix(start).removesuffix(end) for line in lines] + unread[:1]
