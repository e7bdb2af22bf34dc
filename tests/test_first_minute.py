"""A tool that is missing is named before the first question; the end says what to do next."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from answer_checks import find_what_is_missing
from tests.test_answers import run_cookiecutter, stops_in_one_line
from tests.test_makefiles import OLD, program


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The only folder on PATH, with a git and a python3 in it."""
    folder = tmp_path / "bin"
    for name in ("git", "python3"):
        program(folder / name, "#!/bin/sh\necho 3.11.0\n")
    monkeypatch.setenv("PATH", str(folder))
    for name in ("PYTHON", "UV", "VIRTUAL_ENV"):
        monkeypatch.delenv(name, raising=False)
    find_what_is_missing.cache_clear()
    yield folder
    find_what_is_missing.cache_clear()


def test_nothing_is_missing(machine: Path) -> None:
    assert find_what_is_missing() == ""


def test_an_old_python_is_named(machine: Path) -> None:
    python = program(machine / "python3", OLD)
    assert find_what_is_missing().startswith(f"Python 3.11 or newer is needed; {python} is 3.9.18;")


def test_a_python_that_does_not_run_is_named(machine: Path) -> None:
    program(machine / "python3", "#!/bin/sh\nexit 127\n")  # pyenv's, where it has none
    assert find_what_is_missing().startswith("Python 3.11 or newer is needed, but ")


def test_another_python_can_be_named(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(machine / "python3", OLD)
    monkeypatch.setenv("PYTHON", str(program(machine / "new", "#!/bin/sh\necho 3.14.1\n")))
    assert find_what_is_missing() == ""


def test_the_python_of_uvx_is_not_the_projects(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = program(machine.parent / "uvx/python3", "#!/bin/sh\necho 3.13.0\n")
    program(machine / "python3", OLD)
    monkeypatch.setattr(sys, "executable", str(own))
    monkeypatch.setenv("PATH", f"{own.parent}:{machine}")
    assert find_what_is_missing() == ""  # an environment that the user has activated
    find_what_is_missing.cache_clear()
    monkeypatch.setenv("UV", "/usr/bin/uv")  # as uvx sets it
    assert f"{machine}/python3 is 3.9.18" in find_what_is_missing()


def test_git_is_needed(machine: Path) -> None:
    (machine / "git").unlink()
    assert find_what_is_missing() == "git is needed, but is not on PATH"


def test_an_old_cookiecutter_is_named(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(find_what_is_missing.__wrapped__.__globals__, "__version__", "2.1.1")
    assert find_what_is_missing().startswith("cookiecutter 2.2 or newer is needed; this is 2.1.1;")


def test_a_missing_tool_stops_before_the_first_question(
    template: Path, cookiecutter_config: Path, tmp_path: Path
) -> None:
    env = {"PYTHON": str(program(tmp_path / "old", OLD))}
    folder = tmp_path / "out"
    folder.mkdir()
    done = run_cookiecutter(template, cookiecutter_config, folder, typed="", env=env)
    assert stops_in_one_line(done, folder, "Python 3.11 or newer is needed; .+ is 3.9.18; .+")


NEXT = "\nNext:\n  cd {}\n  make setup\n  source .venv/bin/activate && dvc repro\n"


@pytest.mark.parametrize("stands", [".", "elsewhere"])
def test_the_end_says_what_to_do_next(
    template: Path, cookiecutter_config: Path, tmp_path: Path, stands: str
) -> None:
    env = {"PWD": str(tmp_path / stands)}
    done = run_cookiecutter(template, cookiecutter_config, tmp_path, env=env)
    path = os.path.relpath(tmp_path / "ticket-triage", tmp_path / stands)
    assert done.stdout == NEXT.format(path)
    assert done.stderr == ""


def test_a_project_stays_though_nobody_reads_what_is_next(
    template: Path, cookiecutter_config: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "cookiecutter", "--config-file", str(cookiecutter_config)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*command, "--no-input", "--output-dir", str(tmp_path), str(template)], stdout=full
        )
    assert done.returncode == 0
    assert (tmp_path / "ticket-triage/README.md").exists()
