"""A project follows its template with cruft, and what is the user's own stays as it is."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cruft
import pytest

from tests.conftest import PROJECT

CI = ".github/workflows/ci.yml"
CI_SOURCE = ".github/workflows/{% if cookiecutter.ci == 'github' %}ci.yml{% endif %}"
OWN = ("params.yaml", "data/raw/mine.jsonl", "docs/objective.md")


def git(folder: Path, *arguments: str) -> str:
    """Run git as a user without a configuration of their own."""
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def commit(folder: Path, message: str) -> None:
    """Commit everything in the folder, a repository or not yet."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def append(path: Path, line: str) -> None:
    """Add a line at the end of a file, made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


@pytest.fixture
def repository(template: Path, tmp_path: Path) -> Path:
    """The template in a git repository of its own."""
    folder = tmp_path / "template"
    shutil.copytree(template, folder)
    commit(folder, "First")
    return folder


@pytest.fixture
def project(repository: Path, cookiecutter_config: Path, tmp_path: Path) -> Path:
    """A committed project that cruft made from it."""
    folder = cruft.create(str(repository), tmp_path, config_file=cookiecutter_config)
    commit(folder, "Project as generated")
    return Path(folder)


def test_create_and_check(project: Path) -> None:
    assert (project / CI).exists()
    assert cruft.check(project)


def test_update_brings_ci_and_keeps_what_is_the_users(repository: Path, project: Path) -> None:
    for path in OWN:
        append(project / path, "# the user's")
    commit(project, "Ours")
    before = {path: (project / path).read_text(encoding="utf-8") for path in OWN}

    for source in (CI_SOURCE, "lib/runtime/files.py", *OWN):
        append(repository / PROJECT / source, "# the template's")
    commit(repository, "Second")
    assert not cruft.check(project)
    assert cruft.update(project, skip_apply_ask=True)

    assert (project / CI).read_text(encoding="utf-8").endswith("# the template's\n")
    assert (
        (project / "lib/runtime/files.py")
        .read_text(encoding="utf-8")
        .endswith("# the template's\n")
    )
    assert {path: (project / path).read_text(encoding="utf-8") for path in OWN} == before
    commit(project, "Updated")
    assert cruft.check(project)


def test_update_merges_stages_with_what_the_user_changed_in_them(
    repository: Path, project: Path
) -> None:
    stage = project / "stages/train.py"
    stage.write_text(f"# the user's\n{stage.read_text(encoding='utf-8')}", encoding="utf-8")
    commit(project, "Ours")
    for path in ("stages/train.py", "stages/dedup.py", "lib/runtime/files.py"):
        append(repository / PROJECT / path, "# the template's")
    commit(repository, "Second")
    assert cruft.update(project, skip_apply_ask=True)

    merged = stage.read_text(encoding="utf-8")
    assert merged.startswith("# the user's\n")
    for path in ("stages/train.py", "stages/dedup.py", "lib/runtime/files.py"):
        text = (project / path).read_text(encoding="utf-8")
        assert text.endswith("# the template's\n"), path


def test_update_changes_an_answer(project: Path) -> None:
    assert cruft.update(project, skip_apply_ask=True, extra_context={"ci": "gitlab"})
    assert not (project / CI).exists()
    assert (project / ".gitlab-ci.yml").exists()


def run_cruft(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run cruft as people do."""
    command = [sys.executable, "-m", "cruft", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_create_says_what_to_do_next_and_update_does_not(
    repository: Path, cookiecutter_config: Path, tmp_path: Path
) -> None:
    done = run_cruft(tmp_path, "create", "--no-input", str(repository))
    assert done.stdout.endswith("make setup\n  source .venv/bin/activate && dvc repro\n")
    project = tmp_path / "ticket-triage"
    commit(project, "Project as generated")
    append(repository / PROJECT / "lib/files.py", "# the template's")
    commit(repository, "Second")

    done = run_cruft(project, "update", "--skip-apply-ask")
    assert done.returncode == 0
    assert "make setup" not in done.stdout + done.stderr
    changed = git(project, "status", "--porcelain").splitlines()
    assert {line[3:] for line in changed} == {".cruft.json", "lib/files.py"}


def test_update_takes_the_checks_of_each_version(repository: Path, project: Path) -> None:
    for path in (repository / "answer_checks.py", repository / "cookiecutter.json"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("check_tools", "renamed").replace("Checks", "Renamed"))
    commit(repository, "Second")
    done = run_cruft(project, "update", "--skip-apply-ask")
    assert done.returncode == 0, done.stderr
    assert cruft.check(project)


@pytest.mark.parametrize(("name", "answer"), [("project_slug", "a/b"), ("ci", "jenkins")])
def test_wrong_answer_makes_no_project(
    repository: Path, cookiecutter_config: Path, tmp_path: Path, name: str, answer: str
) -> None:
    given = json.dumps({name: answer})
    done = run_cruft(tmp_path, "create", "--no-input", str(repository), "--extra-context", given)
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(rf"{name} must be .+; the answer was '{answer}'\n", done.stderr)
    assert list(tmp_path.iterdir()) == [repository]


def test_wrong_answer_updates_nothing(project: Path) -> None:
    given = json.dumps({"ci": "jenkins"})
    done = run_cruft(project, "update", "--skip-apply-ask", "--variables-to-update", given)
    assert done.returncode == 1
    assert done.stderr == "ci must be github, gitlab or none; the answer was 'jenkins'\n"
    assert git(project, "status", "--porcelain") == ""
