"""What every script does with its command line."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


def ask(*command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a script of the project in another folder."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "script", ["stages.dedup", "deploy.serve", "deploy.smoke", "review.gate", "review.rate"]
)
def test_help_says_what_a_script_is_and_does_nothing(script: str, tmp_path: Path) -> None:
    asked = ask(script, "--help", folder=tmp_path)
    assert (asked.returncode, len(asked.stdout) > 50) == (0, True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("script", "code"), [("stages.train", 2), ("review.gate", 1)])
def test_an_argument_that_nobody_reads_is_a_mistake(script: str, code: int, tmp_path: Path) -> None:
    asked = ask(script, "--learning-rate=1e-3", folder=tmp_path)
    assert (asked.returncode, asked.stderr.count("\n")) == (code, 1)
    assert "--learning-rate=1e-3: no argument is taken here; params.yaml says" in asked.stderr
