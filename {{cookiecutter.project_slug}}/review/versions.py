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

from lib.evaluate.predictions import Row, parse_predictions
from lib.runtime.errors import UserError
from review.lock import LOCK, outs_of


class Version:
    """One version; `commit` None is the workspace."""

    def __init__(self, commit: str | None = None) -> None:
        self.name = commit[:9] if commit else "workspace"
        self.files = DVCFileSystem(rev=commit) if commit else DVCFileSystem()
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
            file = self.files.open(str(path), "r", **how)
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

    def predictions(self, system: str) -> list[Row]:
        """Read the rows of a system; none where it was not evaluated."""
        path = f"predictions/{system}.jsonl"
        asked = {path, f"answers/{system}.jsonl"} & self.outs.keys()
        text = self.text(path) if asked else None
        return parse_predictions(text, f"{self.name}:{path}") if text else []


def merge_base(base: str) -> str:
    """Return the commit at which HEAD left `base`; raise UserError where git knows none."""
    if base.startswith("-"):
        raise UserError(f"{base}: is not a commit or branch, such as origin/main")
    done = subprocess.run(["git", "merge-base", base, "HEAD"], capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no common commit"])[0]
        cure = "fetch it with its history (`git fetch --unshallow origin`)"
        raise UserError(f"git merge-base {base} HEAD: {said}; {cure}")
    return done.stdout.strip()
