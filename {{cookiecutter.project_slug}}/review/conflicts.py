"""Settle merge conflicts in files that DVC writes: dvc.lock, and outputs kept in git.

For each stage the side is taken whose results belong to the merged code, data and params; if
neither fits, because both changed something, the next `dvc repro` runs that stage.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dvc.utils.serialize import dump_yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lib.runtime.errors import UserError
from lib.runtime.files import atomic_text
from review.lock import LOCK, git_kept, md5, pipeline, value_at
from review.versions import git

OURS, THEIRS = "ours", "theirs"
_MARKS = re.compile(
    r"^<{7}[^\n]*\n(.*?)(?:^\|{7}[^\n]*\n.*?)?^={7}\n(.*?)^>{7}[^\n]*\n", re.MULTILINE | re.DOTALL
)

Stage = dict[str, Any]  # of dvc.lock
Stages = dict[str, Stage]


class Sides(NamedTuple):
    """A file on both sides of a merge and in their common ancestor; None: missing."""

    base: str | None
    ours: str | None
    theirs: str | None


def conflicts() -> list[str]:
    """List the files with a conflict: unmerged ones, and results with committed conflict marks."""
    unmerged = git("diff", "--name-only", "--relative", "--diff-filter=U") or ""
    results = [path for path in (str(LOCK), *git_kept()) if has_marks(Path(path))]
    return sorted({*unmerged.splitlines(), *results})


def has_marks(path: Path) -> bool:
    """Tell whether a file has conflict marks that were committed."""
    return path.is_file() and bool(_MARKS.search(path.read_text("utf-8", errors="replace")))


def sides(path: str) -> Sides:
    """Read both sides of a conflicting file, from git or from its conflict marks."""
    found = Sides(*(git("show", f":{number}:./{path}") for number in (1, 2, 3)))
    if found != (None, None, None):
        return found
    text = Path(path).read_text(encoding="utf-8")
    return Sides("", _MARKS.sub(r"\1", text), _MARKS.sub(r"\2", text))


def settle_conflicts(paths: list[str]) -> list[str]:
    """Settle the conflicts; return the stages for which neither side fits the merge.

    Raises UserError for a conflict in a file that people write, which only they can settle.
    """
    results = [path for path in paths if path in (str(LOCK), *git_kept())]
    if others := [path for path in paths if path not in results]:
        raise UserError(
            f"{', '.join(others)}: conflicts that only you can settle: edit the file (a *.dvc "
            "file: `git checkout --ours FILE`, or --theirs) and `git add` it, then `make repair`"
        )
    chosen: dict[str, str] = {}
    neither: list[str] = []
    if str(LOCK) in results:
        chosen, neither = settle_lock(sides(str(LOCK)))
    owners = git_kept()
    for path in results:
        if path != str(LOCK):
            both = sides(path)
            _take(path, both.theirs if chosen.get(owners[path]) == THEIRS else both.ours)
    git("add", "--all", "--", *results)
    return neither


def _take(path: str, text: str | None) -> None:
    """Write one side of a file; delete the file if that side has none."""
    if text is None:
        Path(path).unlink(missing_ok=True)
        return
    with atomic_text(path) as file:
        file.write(text.rstrip("\n") + "\n")


def settle_lock(both: Sides) -> tuple[dict[str, str], list[str]]:
    """Rewrite dvc.lock; return the side chosen for each stage, and the stages that fit neither."""
    base, ours, theirs = map(stages_of, both)
    merged, chosen, neither = dict[str, Stage](), dict[str, str](), list[str]()
    outs: dict[str, str] = {}  # md5 of the chosen outputs
    parted: dict[str, str] = {}  # the chosen side, where the outputs differ
    for name in _in_order({**ours, **theirs}):
        options = {OURS: ours.get(name), THEIRS: theirs.get(name)}
        if base.get(name) == options[THEIRS] or options[OURS] == options[THEIRS]:
            side = OURS
        elif base.get(name) == options[OURS]:
            side = THEIRS
        else:
            there = {key: one for key, one in options.items() if one is not None}
            wrong = {
                key: misfits(one, outs) + strays(one, key, parted) for key, one in there.items()
            }
            side = min(wrong, key=lambda key: wrong[key])
            neither += [name] if wrong[side] else []
        if (stage := options[side]) is not None:
            merged[name], chosen[name] = stage, side
            outs |= {out["path"]: out.get("md5", "") for out in stage.get("outs", [])}
            if options[OURS] != options[THEIRS]:
                parted |= dict.fromkeys((out["path"] for out in stage.get("outs", [])), side)
    Path(LOCK).unlink(missing_ok=True)
    dump_yaml(str(LOCK), {"schema": "2.0", "stages": merged})
    return chosen, neither


def stages_of(text: str | None) -> Stages:
    """Read the stages of one side of dvc.lock; {} if it cannot be read."""
    try:
        value = YAML(typ="safe").load(text or "")
        return dict(value["stages"])
    except (YAMLError, LookupError, TypeError):
        return {}


def _in_order(names: Stages) -> list[str]:
    """Sort stages in the order of dvc.yaml, each after its dependencies."""
    known = list(pipeline())
    return sorted(names, key=lambda one: [*known, one.split("@")[0]].index(one.split("@")[0]))


def misfits(stage: Stage, outs: dict[str, str]) -> int:
    """Count the params and dependencies of a stage that differ from the merged project.

    `outs`: md5 of the outputs of the stages before it.
    """
    return sum(one is False for one in fits(stage, outs))


def strays(stage: Stage, side: str, parted: dict[str, str]) -> int:
    """Count the folders read by a stage in which an output of the other side was chosen."""
    folders = [f"{dep['path']}/" for dep in stage.get("deps", [])]
    others = [path for path, chosen in parted.items() if chosen != side]
    return sum(any(path.startswith(folder) for path in others) for folder in folders)


def fits(stage: Stage, outs: dict[str, str]) -> Iterator[bool]:
    """Yield for each param and dependency of a stage whether it equals that of the merged project.

    Code folders are left to DVC, which knows what to ignore in them.
    """
    for file, values in stage.get("params", {}).items():
        given = (
            YAML(typ="safe").load(Path(file).read_text("utf-8")) if file.endswith(".yaml") else None
        )
        if given is not None:
            yield from (value_at(given, key) == value for key, value in values.items())
    for dep in stage.get("deps", []):
        if dep["path"] in outs:
            yield outs[dep["path"]] == dep.get("md5")
        elif Path(dep["path"]).is_file():
            yield md5(dep["path"]) == dep.get("md5")
