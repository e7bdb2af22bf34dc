"""What every script does with its command line."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "script", ["stages.dedup", "deploy.serve", "deploy.smoke", "review.gate", "review.rate"]
)
def test_help_says_what_a_script_is_and_does_nothing(script: str, tmp_path: Path) -> None:
    asked = subprocess.run(
        [sys.executable, "-m", script, "--help"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(asked.stdout) > 50
    assert not list(tmp_path.iterdir())
