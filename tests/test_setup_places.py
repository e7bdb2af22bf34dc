"""`make setup` in a repository around the project, one that was there first, and a moved folder."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT, ROOT
from tests.test_makefiles import make


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A git that knows its user."""
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "A")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "a@b.example")
    monkeypatch.setenv("UV", "")


def git(folder: Path, *arguments: str) -> str:
    """Run git."""
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    return done.stdout.strip()


def lay(folder: Path) -> Path:
    """As much of a project as `make commit` looks at."""
    (folder / "lib").mkdir(parents=True)
    (folder / "lib/a.py").write_text("")
    for name in ("Makefile", "install.mk", "pyproject.toml", "constraints.txt", "dvc.yaml"):
        shutil.copy(ROOT / PROJECT / name, folder)
    for name in (".gitignore", ".gitattributes"):
        shutil.copy(ROOT / PROJECT / name, folder)
    return folder


def test_a_repository_around_the_project_takes_it(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("lib/\n")  # as GitHub's for Python has it
    project = lay(tmp_path / "team/project")
    (tmp_path / "else.txt").write_text("somebody's, staged")
    git(tmp_path, "add", "else.txt")
    assert f"the first commit is in {tmp_path}" in make(project, "commit").stdout
    assert not (project / ".git").exists()
    listed = git(tmp_path, "ls-tree", "-r", "--name-only", "HEAD").splitlines()
    assert "team/project/lib/a.py" in listed
    assert "else.txt" not in listed
    assert make(project, "commit").stdout == ""


def test_a_repository_that_was_there_first_gets_the_project(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "README")
    make(lay(tmp_path / "x").rename(tmp_path / "y"), "commit")
    assert "y/dvc.yaml" in git(tmp_path, "ls-files").splitlines()


def test_a_folder_that_the_repository_around_ignores_gets_its_own(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("/build\n")
    project = lay(tmp_path / "build/project")
    make(project, "commit")
    assert (project / ".git").is_dir()


def test_what_git_is_told_to_ignore_is_named(tmp_path: Path) -> None:
    project = lay(tmp_path / "project")
    (project / "base").mkdir()
    (project / "base/model.bin").write_text("")
    (project / ".git/info").mkdir(parents=True)
    git(project, "init", "--quiet")
    (project / ".git/info/exclude").write_text("*.bin\n")
    done = make(project, "commit")
    assert done.returncode == 2
    assert "git ignores base/model.bin; git check-ignore --verbose" in done.stdout


def test_autocrlf_changes_no_byte(tmp_path: Path) -> None:
    project = lay(tmp_path / "project")
    make(project, "commit")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--config", "core.autocrlf=true", str(project), str(clone))
    assert (clone / "dvc.yaml").read_bytes() == (project / "dvc.yaml").read_bytes()


@pytest.mark.parametrize("name", ["old", "x" * 130])
def test_the_programs_of_a_moved_environment_start_again(tmp_path: Path, name: str) -> None:
    project = lay(tmp_path / name)
    subprocess.run([sys.executable, "-m", "venv", ".venv"], cwd=project, check=True)
    moved = project.rename(tmp_path / "new")
    pip = moved / ".venv/bin/pip"
    assert "its programs now run here" in make(moved, "at-home").stdout
    said = subprocess.run([pip, "--version"], capture_output=True, text=True, check=True).stdout
    assert str(moved) in said
    assert make(moved, "at-home").stdout == ""
