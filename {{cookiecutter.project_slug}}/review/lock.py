"""Read dvc.lock: the hash of every output, and which stages are out of date."""

import hashlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lib.core.config import read_yaml
from lib.runtime.dvc_runs import refuse_while_at_work
from lib.runtime.errors import UserError

LOCK, PIPELINE = Path("dvc.lock"), Path("dvc.yaml")
# DVC stops at a changed stage whose inputs are missing, as in a clone that pulled only what it
# needs.
MISSING = re.compile(r"failed to reproduce '(.+?)': \[Errno 2\]")
BLOCKED = ("Unable to acquire lock", "is being blocked by")  # locked by another DVC command
PAUSES = (1, 2, 4, 8)  # seconds; DVC holds its lock only briefly, between two stages
DRY_RUN = ["repro", "--dry", "--allow-missing"]  # lists what it would run, also with missing files


def tracked() -> dict[str, str]:
    """Read the md5 of each output by path from dvc.lock; a folder's ends in .dir.

    Stages that dvc.yaml no longer has stay in dvc.lock; they are ignored.
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


def unfit(stages: dict[str, Any], params: dict[str, Any]) -> list[str]:
    """List the stages of a dvc.lock whose params or dependencies differ from its other entries.

    An interrupted run, or one of some stages only, leaves such a dvc.lock.
    """
    outs = {out["path"]: out.get("md5") for one in stages.values() for out in one.get("outs", [])}

    def fits(stage: dict[str, Any]) -> bool:
        values = stage.get("params", {}).get("params.yaml", {})
        deps = [one for one in stage.get("deps", []) if one["path"] in outs]
        return all(value_at(params, key) == value for key, value in values.items()) and all(
            outs[one["path"]] == one.get("md5") for one in deps
        )

    return [name for name, stage in stages.items() if not fits(stage)]


def value_at(sections: dict[str, Any], key: str) -> Any:
    """Return the value of a dotted key; None where there is none."""
    value: Any = sections
    for name in key.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def git_kept() -> dict[str, str]:
    """Return the outputs kept in git (timings, pages), with the stage that writes each."""
    found: dict[str, str] = {}
    for name, stage in pipeline().items():
        for kind in ("outs", "metrics", "plots"):
            for out in stage.get("do", stage).get(kind, []):
                if isinstance(out, dict):
                    kept = (path for path, how in out.items() if (how or {}).get("cache") is False)
                    found |= dict.fromkeys(kept, name)
    return found


def frozen_stages() -> list[str]:
    """List the stages that dvc.yaml freezes: DVC never runs them, whatever has changed."""
    return [name for name, one in pipeline().items() if one.get("do", one).get("frozen")]


def outs_of(text: str, counts: Callable[[str], bool] = lambda name: True) -> dict[str, str]:
    """Read the md5 of each output from the text of a dvc.lock; counts: selects stages by name."""
    try:
        stages: Any = YAML(typ="safe").load(text)["stages"]
        found = [one for name, one in stages.items() if counts(name)]
        return {out["path"]: out["md5"] for one in found for out in one.get("outs", [])}
    except (YAMLError, KeyError, TypeError, AttributeError):
        raise UserError(f"{LOCK}: is damaged; `make repair`, then `dvc repro`") from None


def md5(path: str | Path) -> str:
    """Compute DVC's hash of a file, or of a folder (the hash of its list of files)."""
    path = Path(path)
    if path.is_dir():
        files = (file for file in path.rglob("*") if file.is_file())
        listed = [{"md5": md5(one), "relpath": one.relative_to(path).as_posix()} for one in files]
        listed.sort(key=lambda one: one["relpath"])
        raw = json.dumps(listed, sort_keys=True).encode()
        return hashlib.md5(raw, usedforsecurity=False).hexdigest() + ".dir"
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def changed_outs(outs: dict[str, str]) -> list[str]:
    """List the outputs that are here and differ from what dvc.lock says of them."""
    return [path for path, known in outs.items() if Path(path).exists() and md5(path) != known]


def stale_stages() -> list[str]:
    """List the stages that `dvc repro` would run."""
    done = dry_run()
    unread = MISSING.findall(done.stderr)
    if done.returncode and not unread:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise UserError(f"dvc {' '.join(DRY_RUN)}: {said[-1] if said else 'failed'}")
    start, end = "Running stage '", "':"
    lines = [line for line in done.stdout.splitlines() if line.startswith(start)]
    return [line.removeprefix(start).removesuffix(end) for line in lines] + unread[:1]


def dry_run() -> subprocess.CompletedProcess[str]:
    """Run `dvc repro --dry`; wait for DVC's lock, and raise UserError if a run holds it.

    DVC's own message suggests deleting the lock, which is wrong during a run.
    """
    for pause in (*PAUSES, 0):
        refuse_while_at_work()
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *DRY_RUN], capture_output=True, encoding="utf-8"
        )
        if not any(words in done.stderr for words in BLOCKED):
            return done
        time.sleep(pause)
    raise UserError("another DVC command is running here; wait until it has ended")
