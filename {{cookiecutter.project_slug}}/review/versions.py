"""Read the files of a version of the project: of a commit, or of the workspace.

Files are read from git, the DVC cache or the DVC remote. Nothing is checked out, and nothing in the
workspace changes.
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

UNSHALLOW = "--unshallow"  # fetches the commits that a shallow clone lacks


class Version:
    """One version; `commit` None is the workspace."""

    def __init__(self, commit: str | None = None) -> None:
        self.name = commit[:9] if commit else "workspace"
        # For a commit, DVC shows the whole repository, of which the project may be a folder.
        self.within = (git("rev-parse", "--show-prefix") or "") if commit else ""
        self.files = DVCFileSystem(rev=commit, subrepos=bool(self.within))
        self.unread: list[str] = []  # known to DVC, but in neither cache nor remote
        lock = self.text(LOCK)
        self.outs = outs_of(lock) if lock else {}

    def text(self, path: str | Path) -> str | None:
        """Read a text file; None if this version lacks it, or if it cannot be read."""
        lines = self.lines(path)
        return None if lines is None else "".join(lines)

    def lines(self, path: str | Path) -> Iterator[str] | None:
        """Read a text file line by line, like `text`, for files of any size."""
        try:
            how = {"encoding": "utf-8", "errors": "replace", "newline": "\n"}
            file = self.files.open(f"{self.within}{path}", "r", **how)
        except Exception:  # each kind of remote has its own errors
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
    """Return the merge base of HEAD and `base`, by default origin's default branch.

    Raises UserError if there is none, with the command that fetches it in this kind of clone.
    """
    base = base or default_branch()
    if base.startswith("-"):
        raise UserError(f"{base}: is not a commit or branch, such as origin/main")
    if git("rev-parse", "--verify", "--quiet", f"{base}^{{commit}}") is None:
        raise UserError(f"{base}: git does not know this commit or branch here; {how_to_get(base)}")
    found = git("merge-base", base, "HEAD")
    if found is None:
        cure = (
            f"`git fetch {UNSHALLOW} {remote_name()}`"
            if is_shallow()
            else "they have no common commit"
        )
        raise UserError(f"{base}: git finds no common ancestor with HEAD; {cure}")
    return found


def how_to_get(base: str) -> str:
    """Say how to get a branch that this clone lacks: it may be shallow, or have a single branch."""
    remote = remote_name()
    name = base.removeprefix(f"{remote}/")
    if remote and git("rev-parse", "--verify", "--quiet", f"{remote}/{name}^{{commit}}"):
        return f"use {remote}/{name}"
    if not remote:
        return f"there is no remote to fetch it from; branches here: {branches()}"
    deepen = f"{UNSHALLOW} " if is_shallow() else ""
    return (
        f"`git fetch {deepen}{remote} {name}:refs/remotes/{remote}/{name}`, then compare with "
        f"{remote}/{name}; known here: {branches()}"
    )


def branches() -> str:
    """List the branches known here, those of origin first."""
    form = "--format=%(refname:short)"
    return " ".join((git("for-each-ref", form, "refs/remotes", "refs/heads") or "none").split())


def default_branch() -> str:
    """Return the remote's default branch; raise UserError if it is not known here.

    Single-branch clones and CI checkouts lack it.
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
    """Return the remote to compare with: origin, else the first one."""
    names = (git("remote") or "").split()
    return "origin" if "origin" in names else next(iter(names), "")


def is_shallow() -> bool:
    """Tell whether this clone lacks older commits."""
    return git("rev-parse", "--is-shallow-repository") == "true"


def git(*arguments: str) -> str | None:
    """Return the output of a git command; None if it fails."""
    done = subprocess.run(["git", *arguments], capture_output=True, encoding="utf-8")
    return None if done.returncode else done.stdout.strip()
