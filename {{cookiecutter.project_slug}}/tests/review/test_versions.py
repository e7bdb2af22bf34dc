"""The commit that is compared with is found in every kind of clone, or the printed cure gets it."""

import re
import subprocess
from pathlib import Path

import pytest

from lib.runtime.errors import UserError
from review.versions import merge_base

KINDS = {
    "full": [],
    "one branch": ["--single-branch"],
    "shallow": ["--depth", "1"],
    "shallow, all branches": ["--depth", "1", "--no-single-branch"],
    "another remote": ["--origin", "upstream"],
}


def git(*arguments: str, at: Path) -> str:
    """Run git as nobody in particular."""
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    done = subprocess.run(["git", *who, *arguments], cwd=at, capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A repository whose default branch is called as no other, and where `topic` left it."""
    folder = tmp_path_factory.mktemp("origin")
    git("init", "--quiet", "--initial-branch", "release/1", at=folder)
    for _ in range(2):
        git("commit", "--quiet", "--allow-empty", "--message", "x", at=folder)
    left = git("rev-parse", "HEAD", at=folder)
    git("branch", "topic", at=folder)
    git("commit", "--quiet", "--allow-empty", "--message", "later", at=folder)
    return folder, left


@pytest.mark.parametrize("kind", KINDS)
def test_the_printed_cure_gets_what_a_clone_lacks(
    kind: str, origin: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, left = origin
    clone = ["clone", "--quiet", "--branch", "topic", *KINDS[kind], f"file://{folder}", "here"]
    git(*clone, at=tmp_path)
    monkeypatch.chdir(tmp_path / "here")
    try:
        found = merge_base()
    except UserError as error:
        cure = re.findall("`([^`]+)`", str(error))[0]
        subprocess.run(cure.split(), capture_output=True, check=True)
        found = merge_base()
    assert found == left


def test_without_a_remote_the_branches_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("init", "--quiet", "--initial-branch", "trunk", at=tmp_path)
    git("commit", "--quiet", "--allow-empty", "--message", "x", at=tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no remote to compare with; name a branch: trunk"):
        merge_base()
