"""Repair the files that DVC writes after a merge conflict, a kill or a manual edit.

run       make repair, then what it says
settles   merge conflicts in dvc.lock and in the outputs kept in git (review/conflicts.py)
removes   objects of DVC's cache that do not match their hash, because an output or input was edited
          through its hard link, as root can; and an incomplete lock note of DVC (rwlock)
restores  every output as in dvc.lock, from the cache or the remote
keeps     your files: an edited file of data/raw is not changed
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lib.runtime.dvc_runs import NOTES, refuse_while_at_work
from lib.runtime.errors import UserError, run
from review.conflicts import conflicts, settle_conflicts
from review.lock import LOCK, PIPELINE, changed_outs, md5, outs_of
from review.versions import git

SCRATCH = Path(".scratch")
OBJECT = re.compile(r"[0-9a-f]{30}(\.dir)?")

Inode = tuple[int, int]


def dvc(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run DVC; it may fail."""
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


def drop_broken_notes() -> list[str]:
    """Remove DVC's rwlock if a kill left it incomplete."""
    try:
        json.loads(NOTES.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except ValueError:
        NOTES.unlink()
        return [f"removed {NOTES}, which was incomplete"]
    return []


def mend_lock() -> list[str]:
    """Restore dvc.lock from the last commit if a kill left it incomplete."""
    try:
        readable = "stages" in YAML(typ="safe").load(LOCK.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (YAMLError, TypeError, UnicodeDecodeError):
        readable = False
    if readable:
        return []
    SCRATCH.mkdir(exist_ok=True)
    LOCK.replace(SCRATCH / LOCK.name)
    if git("restore", str(LOCK)) is None:  # it was never committed
        return [f"{LOCK} was incomplete, and is now in {SCRATCH}/"]
    return [
        f"{LOCK} was incomplete: restored from the last commit; the incomplete one is in {SCRATCH}/"
    ]


def wrong_objects() -> list[Path]:
    """List the objects of DVC's cache whose content does not match their hash."""
    cache = Path(dvc("cache", "dir").stdout.strip() or ".dvc/cache", "files", "md5")
    objects = [path for path in sorted(cache.glob("??/*")) if OBJECT.fullmatch(path.name)]
    print(f"repair: reading {len(objects):,} objects of the cache", flush=True)
    return [one for one in objects if md5(one) != one.parent.name + one.name.partition(".")[0]]


def inode(path: Path) -> Inode:
    """Return the inode of a path, which hard links share."""
    found = path.stat()
    return found.st_dev, found.st_ino


def _files_of(path: str) -> Iterator[Path]:
    """Yield a file, or the files of a folder; nothing if it is missing."""
    found = [Path(path), *Path(path).rglob("*")] if Path(path).is_dir() else [Path(path)]
    yield from (one for one in found if one.is_file())


def own_files() -> Iterator[Path]:
    """Yield the files that `dvc add` tracks, which are people's own."""
    for name in (git("ls-files", "--cached", "--others", "--", "*.dvc") or "").splitlines():
        outs = YAML(typ="safe").load(Path(name).read_text(encoding="utf-8")).get("outs", [])
        for out in outs:
            yield from _files_of(str(Path(name).parent / out["path"]))


def drop_wrong(outs: dict[str, str]) -> tuple[list[str], list[str]]:
    """Remove wrong objects and the outputs that share their bytes.

    Returns those outputs, and messages about people's own files.
    """
    wrong = wrong_objects()
    shared = {inode(path) for path in wrong}
    lost = [out for out in outs for path in _files_of(out) if inode(path) in shared]
    kept = [path for path in own_files() if inode(path) in shared]
    for path in [file for out in outs for file in _files_of(out) if inode(file) in shared]:
        path.unlink()
    for path in wrong:
        path.unlink()
    for path in kept:
        path.chmod(0o644)
    said = [f"removed {len(wrong):,} edited objects of the cache"] if wrong else []
    return list(dict.fromkeys(lost)), [
        *said,
        *(f"{path}: your edit is kept; `dvc add {path}` accepts it, "
          f"`dvc pull --force {path}` fetches the previous version" for path in kept),
    ]  # fmt: skip


def put_back(outs: dict[str, str], wanted: list[str]) -> list[str]:
    """Restore every output as in dvc.lock; those `wanted` are fetched if necessary.

    Returns those that are in neither cache nor remote.
    """
    dvc("checkout", "--force", str(PIPELINE))
    missing = [path for path in wanted if not is_whole(path, outs)]
    if missing:
        dvc("pull", "--force", *missing)
    return [path for path in missing if not is_whole(path, outs)]


def is_whole(path: str, outs: dict[str, str]) -> bool:
    """Tell whether an output is present as in dvc.lock."""
    return os.path.exists(path) and md5(path) == outs[path]  # noqa: PTH110


def main() -> None:
    drop = drop_broken_notes()
    refuse_while_at_work()
    if not shutil.which("git") or git("rev-parse", "HEAD") is None:
        raise UserError("git has no commit here; `make commit` creates the first")
    found = conflicts()
    neither = settle_conflicts(found) if found else []
    said = [*drop, *([f"settled {', '.join(found)}"] if found else mend_lock())]
    outs = outs_of(LOCK.read_text(encoding="utf-8")) if LOCK.is_file() else {}
    edited = changed_outs(outs)
    lost, more = drop_wrong(outs)
    wanted = list(outs) if found else list(dict.fromkeys([*edited, *lost]))
    missing = put_back(outs, wanted)
    if back := [path for path in dict.fromkeys([*edited, *lost]) if path not in missing]:
        more.append(f"restored as in {LOCK}: {', '.join(back)}")
    if neither:
        more.append(f"changed on both sides, `dvc repro` will run: {', '.join(neither)}")
    if missing:
        more.append(f"in neither cache nor remote, `dvc repro` will write: {', '.join(missing)}")
    for line in [*said, *more]:
        print(f"repair: {line}")
    print(f"repair: {'continue with dvc repro' if [*said, *more] else 'nothing to repair'}"
          f"{', then commit the merge' if found else ''}")  # fmt: skip


if __name__ == "__main__":
    run(main)
