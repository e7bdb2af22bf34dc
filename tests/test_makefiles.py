"""What people type before all is well: an old Python, no environment, an unfinished run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT, ROOT

STUB = """#!/bin/sh
echo "$(basename "$PWD"): $(basename "$0") $*"
"""
MAKEFILES = [ROOT / "Makefile", ROOT / PROJECT / "Makefile"]
OLD = f"""#!/bin/sh
exec {sys.executable} -c 'import sys
sys.version_info, sys.version = (3, 9, 18), "3.9.18 (old)"
sys.argv.pop(0)
exec(sys.argv.pop(1))' "$@"
"""
PIP = """#!/bin/sh
test "$1" = -c && exit
for number in 1 2 3; do echo "Collecting name-$number==1"; done
test "$PIP_FAILS" && echo "ERROR: no such version" >&2 && exit 1
echo "Installing collected packages: name-1, name-2"
"""


def program(path: Path, text: str) -> Path:
    """An executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def make(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run make as in a shell without the environment of these tests."""
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose git knows its user, and without uv, whatever this one has."""
    monkeypatch.setenv("UV", "")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "A")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "a@b.example")


@pytest.fixture(params=MAKEFILES, ids=["template", "project"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """What `make` reads to set up, and no more."""
    for name in ("Makefile", "install.mk", "pyproject.toml", "constraints.txt"):
        if (found := request.param.with_name(name)).exists():
            shutil.copy(found, tmp_path)
    (tmp_path / PROJECT).mkdir()
    shutil.copy(ROOT / PROJECT / "install.mk", tmp_path / PROJECT)
    return tmp_path


def set_up(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Make the environment's stamp, which is what `make setup` and `make demo` begin with."""
    known = make(folder, "--print-data-base", "help").stdout
    stamp = re.search(r"^(?:TOOLS|INSTALLED) := (.+)", known, re.MULTILINE)
    assert stamp
    return make(folder, stamp[1], *arguments, **env)


def test_an_old_python_is_named_before_anything_is_made(folder: Path) -> None:
    old = program(folder / "old", OLD)
    done = set_up(folder, f"PYTHON={old}")
    said = done.stderr.splitlines()
    assert done.returncode == 2
    assert said[0].startswith("Python 3.11 or newer is needed; ")
    assert " is 3.9.18; make " in said[0]
    assert len(said) == 2  # the other is make's
    assert not (folder / ".venv").exists()


def test_an_environment_of_an_old_python_is_named_with_its_cure(folder: Path) -> None:
    program(folder / ".venv/bin/python", OLD)
    done = set_up(folder)
    assert done.returncode == 2
    assert re.search(r"is 3\.9\.18; rm -rf \S*\.venv, then make ", done.stderr)


def test_setup_says_what_it_does_in_few_lines(folder: Path) -> None:
    program(folder / ".venv/bin/python", PIP)
    done = set_up(folder, "TORCH_CPU_INDEX=https://nowhere.invalid", PATH="/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    assert "installing 3 packages" in done.stdout
    assert "Collecting" not in done.stdout


def test_what_pip_cannot_do_is_seen_and_ends_setup(folder: Path) -> None:
    program(folder / ".venv/bin/python", PIP)
    done = set_up(folder, PIP_FAILS="yes")
    assert done.returncode == 2
    assert "ERROR: no such version" in done.stderr
    assert not list((folder / ".venv").glob("*-[0-9]*"))


UV = """#!/bin/sh
echo "$@" >>uv.txt
test "$UV_FAILS" && echo "error: no such version" >&2 && exit 2
printf 'Downloading a (2 MiB)\\n Downloaded a\\nInstalled 2 packages\\n + a==1\\n + b==1\\n' >&2
"""


@pytest.fixture
def uv(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a uv on PATH was asked; there is no pip."""
    program(folder / "tools/uv", UV)
    program(folder / ".venv/bin/python", '#!/bin/sh\ntest "$1" = -c\n')
    monkeypatch.delenv("UV")
    monkeypatch.setenv("PATH", f"{folder}/tools:/usr/bin:/bin")
    return folder / "uv.txt"


def test_uv_installs_where_it_is_on_the_path(folder: Path, uv: Path) -> None:
    done = set_up(folder)
    assert done.returncode == 0, done.stderr
    asked = uv.read_text().splitlines()
    assert all(re.match(r"pip install --python \S*\.venv/bin/python ", line) for line in asked)
    assert asked[-1].endswith((".[dev]", ",dev]"))
    assert "Installed 2 packages" in done.stdout
    assert not re.search("a==1|Download", done.stdout + done.stderr)


@pytest.mark.usefixtures("uv")
def test_what_uv_cannot_do_is_seen_and_ends_setup(folder: Path) -> None:
    done = set_up(folder, UV_FAILS="yes")
    assert done.returncode == 2
    assert "error: no such version" in done.stdout
    assert not list((folder / ".venv").glob("*-[0-9]*"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project's Makefile alone, in a folder of its own."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("Makefile", "install.mk", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / PROJECT / name, folder)
    return folder


def test_a_missing_git_identity_is_said_before_anything_is_installed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    program(project / ".gitconfig", "[user]\n\tuseConfigOnly = true\n")
    done = make(project, "setup", HOME=str(project), XDG_CONFIG_HOME=str(project))
    assert done.returncode == 2
    assert done.stdout == (
        "setup: tell git who you are: git config --global user.email YOU, and user.name\n"
    )
    assert not (project / ".venv").exists()


TARGETS = ("repro", "check", "test", "package", "serve", "rate", "ratings", "judge", "harness")


@pytest.mark.parametrize("target", [*TARGETS, "gpu-check", "llamacpp", "monitor", "harvest"])
def test_without_an_environment_setup_is_named(project: Path, target: str) -> None:
    done = make(project, target, PATH="/usr/bin:/bin")
    assert done.stdout == "run make setup first: it installs what this needs\n"
    assert done.stderr.count("\n") == 1  # make's own


def test_an_environment_may_be_another_than_that_of_setup(project: Path) -> None:
    done = make(project, "repro", PATH=f"{Path(sys.executable).parent}:/usr/bin:/bin")
    assert "make setup" not in done.stdout
    assert "dvc repro" in done.stdout


def test_clean_forgets_what_a_killed_run_was_writing(project: Path) -> None:
    """Their names are those of lib/runtime/files.py: a file's has the number of its process."""
    for kept in (".venv/.a.partial", ".git/.a.partial", "data/a.partial", "data/.a"):
        program(project / kept, "")
    before = {path for path in project.rglob("*") if path.is_file()}
    program(project / "data/.curated.jsonl.1234.partial", "")
    program(project / "models/.tuned.partial/weights", "")
    assert make(project, "clean").returncode == 0
    assert {path for path in project.rglob("*") if path.is_file()} == before


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """As much of the template as its Makefile reads, with a demo and an environment of stubs."""
    for name in ("Makefile", "pyproject.toml", "cookiecutter.json", "answer_checks.py"):
        shutil.copy(ROOT / name, tmp_path)
    for name in (PROJECT, "hooks"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / PROJECT / "install.mk", tmp_path / PROJECT)
    program(tmp_path / "build/demo/ticket-triage/Makefile", "setup check:\n\t@echo made $@\n")
    for name in ("python", "pytest", "dvc", "mypy", "ruff", "cookiecutter"):
        program(tmp_path / ".venv/bin" / name, STUB)
    return tmp_path


def test_an_unfinished_bake_is_made_again(clone: Path) -> None:
    assert "cookiecutter --no-input" in make(clone, "project", UV="").stdout
    assert "cookiecutter --no-input" not in make(clone, "project", UV="").stdout


def test_make_test_runs_the_projects_tests_once_and_ends_with_what_was_skipped(
    clone: Path,
) -> None:
    done = make(clone, "test", UV="")
    assert done.returncode == 0, done.stderr
    ran = [line for line in done.stdout.splitlines() if ": pytest" in line]
    assert [line.split(":")[0] for line in ran] == [PROJECT, "ticket-triage", clone.name]
    assert "real_engines" not in done.stdout
    assert "-m tests.skipped " in done.stdout.splitlines()[-1]
    more = make(clone, "test-all", UV="").stdout.splitlines()
    assert [line for line in more if ": pytest" in line][:3] == ran
    assert any(" -m slow " in line for line in more)
    assert any("tests/real_engines/test_*.py" in line for line in more)
