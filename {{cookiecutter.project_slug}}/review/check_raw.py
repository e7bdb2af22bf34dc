"""Warn of raw data that git tracks, or would with the next `git add --all`: git keeps it forever.

Files of data/raw belong in DVC (`dvc add`), unless they are public like the code. The sample's are,
so files with `consent: not_needed` that git already tracks get no warning.
"""

from pathlib import Path

from lib.core.config import load
from lib.curate.params import DataParams, Source
from lib.runtime.errors import run
from review.versions import git

_RAW = "data/raw"
_ALL = ("--cached", "--others", "--exclude-standard")
NOT_DATA = (".dvc", ".gitignore", ".md")


def listed(*arguments: str) -> list[str]:
    """List files of data/raw by `git ls-files` with these arguments."""
    found = git("ls-files", *arguments, "--", _RAW) or ""
    return [path for path in found.splitlines() if not path.endswith(NOT_DATA)]


def published(path: str, sources: list[Source]) -> bool:
    """Tell whether params.yaml has consent: not_needed for a file."""
    mine = [one for one in sources if Path(path).match(one.path)]
    return bool(mine) and all(one.consent == "not_needed" for one in mine)


def _warnings(sources: list[Source]) -> list[str]:
    """Return a warning, with the cure, for each raw file that git tracks or would track."""
    head, staged = at_head(), listed("--cached")
    public = [path for path in listed(*_ALL) if published(path, sources)]
    said = []
    for path in listed(*_ALL):
        out_of_git = f"`git rm --cached {path}`, then " * (path in staged)
        if path not in (head or public):
            said.append(
                f"{path}: git would add it, and keep it forever; {out_of_git}`dvc add {path}`"
            )
        elif path not in public:
            said.append(
                f"{path}: is in git, and may contain words of people (data.sources: consent); "
                f"{out_of_git}`dvc add {path}`; older commits keep it"
            )
    return said


def at_head() -> list[str]:
    """List the files of data/raw in the last commit; [] before the first."""
    return (git("ls-tree", "-r", "--name-only", "HEAD", "--", f"{_RAW}/") or "").splitlines()


def main() -> None:
    for line in _warnings(load("data", DataParams).sources):
        print(f"warning: {line}")


if __name__ == "__main__":
    run(main)
