"""The files of two versions of the project: of a commit, and of the workspace.

A file is read wherever it is: in git, in the DVC cache, or in the DVC remote. Nothing is checked
out, and nothing in the workspace changes.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dvc.api import DVCFileSystem
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lib.evaluate.predictions import Prediction, parse_predictions
from lib.runtime.errors import UserError
from review.lock import LOCK, outs_of

UNSHALLOW = "--unshallow"  # what brings the commits that a shallow clone lacks


class Version:
    """One version; `commit` None is the workspace."""

    def __init__(self, commit: str | None = None) -> None:
        self.name = commit[:9] if commit else "workspace"
        # Of a commit DVC shows the whole repository, of which the project may be a folder.
        self.within = (git("rev-parse", "--show-prefix") or "") if commit else ""
        self.files = DVCFileSystem(rev=commit, subrepos=bool(self.within))
        self.unread: list[str] = []  # DVC knows them, but neither cache nor remote gave them
        lock = self.text(LOCK)
        self.outs = outs_of(lock) if lock else {}

    def text(self, path: str | Path) -> str | None:
        """Read a text file; None where this version lacks it, or where it cannot be read."""
        lines = self.lines(path)
        return None if lines is None else "".join(lines)

    def lines(self, path: str | Path) -> Iterator[str] | None:
        """Read the same line by line, for files of any size."""
        try:
            how = {"encoding": "utf-8", "errors": "replace", "newline": "\n"}
            file = self.files.open(f"{self.within}{path}", "r", **how)
        except Exception:  # a remote fails in as many ways as there are drivers
            if {str(path), Path(path).parts[0]} & getattr(self, "outs", {}).keys():
                self.unread.append(str(path))
            return None
        return iter(file)

    def json(self, path: str | Path) -> Any:
        """Read a JSON file; None where it is missing or not JSON."""
        try:
            return json.loads(self.text(path) or "null")
        except ValueError:
            return None

    def yaml(self, path: str | Path) -> dict[str, Any]:
        """Read a YAML mapping; empty where it is missing or not YAML."""
        try:
            value = YAML(typ="safe").load(self.text(path) or "")
        except YAMLError:
            return {}
        return value if isinstance(value, dict) else {}

    def predictions(self, system: str) -> list[Prediction]:
        """Read the rows of a system; none where it was not evaluated."""
        path = f"predictions/{system}.jsonl"
        asked = {path, f"answers/{system}.jsonl"} & self.outs.keys()
        text = self.text(path) if asked else None
        return parse_predictions(text, f"{self.name}:{path}") if text else []


def merge_base(base: str = "") -> str:
    """Return the commit at which HEAD left `base`, by default the default branch of origin.

    Raises UserError where git knows none, with what fetches it in this kind of clone.
    """
    base = base or default_branch()
    if base.startswith("-"):
        raise UserError(f"{base}: is not a commit or branch, such as origin/main")
    if git("rev-parse", "--verify", "--quiet", f"{base}^{{commit}}") is None:
        raise UserError(f"{base}: git knows no such commit or branch here; {how_to_get(base)}")
    found = git("merge-base", base, "HEAD")
    if found is None:
        cure = (
            f"`git fetch {UNSHALLOW} {remote_name()}`"
            if is_shallow()
            else "they have no common commit"
        )
        raise UserError(f"{base}: git finds no commit that it and HEAD both come from; {cure}")
    return found


def how_to_get(base: str) -> str:
    """Say how to come by a branch that this clone lacks: it may be shallow, or have one branch."""
    remote = remote_name()
    name = base.removeprefix(f"{remote}/")
    if remote and git("rev-parse", "--verify", "--quiet", f"{remote}/{name}^{{commit}}"):
        return f"{remote}/{name} is there"
    if not remote:
        return f"there is no remote to fetch it from; branches here: {branches()}"
    deepen = f"{UNSHALLOW} " if is_shallow() else ""
    return (
        f"`git fetch {deepen}{remote} {name}:refs/remotes/{remote}/{name}`, then compare with "
        f"{remote}/{name}; known here: {branches()}"
    )


def branches() -> str:
    """List the branches that are known here, those of origin first."""
    form = "--format=%(refname:short)"
    return " ".join((git("for-each-ref", form, "refs/remotes", "refs/heads") or "none").split())


def default_branch() -> str:
    """Return the remote's default branch, whatever its name; raise UserError where it is not known.

    A clone of one branch lacks it, and so does what CI fetches.
    """
    remote = remote_name()
    if not remote:
        raise UserError(f"there is no remote to compare with; name a branch: {branches()}")
    if found := git("rev-parse", "--abbrev-ref", "--verify", "--quiet", f"{remote}/HEAD"):
        return found
    names = (f"{remote}/main", f"{remote}/master")
    known = [name for name in names if git("rev-parse", "--verify", "--quiet", name)]
    if not known:
        deepen = f"{UNSHALLOW} " if is_shallow() else ""
        raise UserError(
            f"the default branch of {remote} is not known here; `git fetch {deepen}{remote} "
            f"HEAD:refs/remotes/{remote}/HEAD` gets it, or name a branch: {branches()}"
        )
    return known[0]


def remote_name() -> str:
    """Return the remote to compare with: origin, or where there is none of this name the first."""
    names = (git("remote") or "").split()
    return "origin" if "origin" in names else next(iter(names), "")


def is_shallow() -> bool:
    """Tell whether this clone lacks older commits."""
    return git("rev-parse", "--is-shallow-repository") == "true"


def git(*arguments: str) -> str | None:
    """Return what a command of git prints; None where it fails."""
    done = subprocess.run(["git", *arguments], capture_output=True, encoding="utf-8")
    return None if done.returncode else done.stdout.strip()
