"""SUPPORT.md says of each family what the stages do with a small model of it."""

import subprocess
import sys

import pytest

from tests.conftest import PROJECT, ROOT


@pytest.mark.slow
def test_each_family_goes_the_way_that_support_md_says() -> None:
    command = [sys.executable, "-m", "tests.family_table"]
    done = subprocess.run(command, cwd=ROOT / PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    table = done.stdout.split("\n\n")[0]
    assert table in (ROOT / "SUPPORT.md").read_text(encoding="utf-8"), done.stdout
