"""Undo what an experiment changed, even a failed one: go back to the last commit.

run       make undo
restores  params.yaml, dvc.lock and the outputs kept in git; all others from DVC's cache
keeps     everything else that you have edited; a copy of the changed params.yaml in .scratch/
"""

import shutil
from pathlib import Path

from lib.core.config import PARAMS
from lib.runtime.dvc_runs import refuse_while_at_work
from lib.runtime.errors import UserError, run
from review.lock import LOCK, PIPELINE, git_kept, md5, outs_of
from review.repair import SCRATCH, dvc
from review.versions import git


def main() -> None:
    refuse_while_at_work()
    if git("cat-file", "-e", f"HEAD:./{LOCK}") is None:
        raise UserError(
            "the last commit has no results to go back to; `make first-run` runs all and commits it"
        )
    if git("ls-files", "--unmerged"):
        raise UserError("a merge is in progress; `make repair` settles its conflicts in results")
    asked = [str(PARAMS), str(LOCK), *git_kept()]
    paths = (git("ls-tree", "-r", "--name-only", "HEAD", "--", *asked) or "").splitlines()
    changed = (git("diff", "--name-only", "--relative", "HEAD", "--", *paths) or "").splitlines()
    if str(PARAMS) in changed:
        SCRATCH.mkdir(exist_ok=True)
        shutil.copy(PARAMS, SCRATCH / PARAMS.name)
    git("restore", "--source", "HEAD", "--staged", "--worktree", "--", *paths)
    dvc("checkout", "--force", str(PIPELINE))
    print(f"undo: restored from the last commit: {', '.join(changed) or 'nothing had changed'}")
    outs = outs_of(LOCK.read_text(encoding="utf-8"))
    if missing := [path for path, known in outs.items() if not is_as(path, known)]:
        print(f"undo: not in the cache here: {', '.join(missing)}; `dvc pull` fetches them")
    if left := git("status", "--short", "--", "."):
        print(f"undo: kept, because no experiment writes them:\n{left}")


def is_as(path: str, known: str) -> bool:
    """Tell whether an output has the hash in dvc.lock."""
    return Path(path).exists() and md5(path) == known


if __name__ == "__main__":
    run(main)
