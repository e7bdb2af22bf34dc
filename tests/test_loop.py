"""After launch, for real, on a copy of the demo: the loop closes, and the run-book rolls back."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TEMPLATE = Path(__file__).parents[1]
DEMO = TEMPLATE / "build/demo/ticket-triage"
WHO = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in {"NAME": "on call", "EMAIL": "on-call@example.invalid"}.items()
}
SETTINGS = os.environ | WHO


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo, copied."""
    if not (DEMO / "dvc.lock").exists():
        pytest.skip("needs `make demo`")
    folder = tmp_path_factory.mktemp("launch") / "project"
    return Path(shutil.copytree(DEMO, folder, symlinks=True))


def run(folder: Path, *command: str) -> str:
    """Run a command; its output, or a failure that shows it."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=SETTINGS
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_loop_closes(project: Path) -> None:
    said = run(TEMPLATE, sys.executable, "-m", "benchmarks.monitor.loop", str(project))
    assert re.search("the person labels [1-9]", said)


def test_the_run_book_rolls_back(project: Path) -> None:
    page = (project / "docs/runbook.md").read_text(encoding="utf-8")
    (commands,) = re.findall(r"## Roll back.+?```sh\n(.+?)```", page, re.DOTALL)
    first = run(project, "git", "log", "--format=%h", "--grep=First release").strip()
    run(project, "bash", "-ec", commands.replace("COMMIT", first))
    served = project.with_name("rollback") / "dist/transformers/model"
    assert any(served.glob("*.safetensors"))
    assert not list(project.with_name("rollback").glob("data/raw/feedback-*"))
