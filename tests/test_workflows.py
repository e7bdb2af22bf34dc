"""The CI files are what GitHub and GitLab take, as far as checkers can tell that are installed."""

import re
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT, Bake
from tests.test_bake import CI_FILES, REMOTES

OWN = ROOT / ".github/workflows/ci.yml"
SCHEMAS = {
    "github": ("--builtin-schema", "vendor.github-workflows"),
    "gitlab": ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"),
}


def find(tool: str) -> str:
    """The path of a checker, beside this Python or on the PATH; skip the test without it."""
    beside = Path(sys.executable).with_name(tool)
    path = str(beside) if beside.exists() else shutil.which(tool)
    if path is None:
        pytest.skip(f"{tool} is not installed")
    return path


def run(*command: str) -> str:
    """What a checker found fault with; empty when nothing."""
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""


@pytest.fixture(scope="module")
def files(bake: Bake) -> dict[str, list[Path]]:
    """The CI file of each service, for every kind of DVC remote, and the template's own."""
    baked: dict[str, list[Path]] = {"github": [OWN], "gitlab": []}
    for ci, remote in product(CI_FILES, REMOTES):
        baked[ci].append(bake(ci=ci, dvc_remote=remote) / CI_FILES[ci])
    return baked


@pytest.mark.parametrize("ci", CI_FILES)
def test_schema(files: dict[str, list[Path]], ci: str) -> None:
    checker = find("check-jsonschema")
    assert run(checker, *SCHEMAS[ci], *map(str, files[ci])) == ""


def test_actionlint(files: dict[str, list[Path]]) -> None:
    assert run(find("actionlint"), *map(str, files["github"])) == ""


def test_github_is_locked_down(files: dict[str, list[Path]]) -> None:
    for path in files["github"]:
        text = path.read_text(encoding="utf-8")
        workflow = YAML(typ="safe").load(text)
        assert "pull_request_target" not in text
        assert workflow["permissions"] == {"contents": "read"}
        uses = re.findall(r"uses: (.*)", text)
        assert uses
        assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", use) for use in uses)


@pytest.mark.parametrize("ci", CI_FILES)
def test_ci_does_what_the_readme_says(files: dict[str, list[Path]], ci: str) -> None:
    project_files = [path for path in files[ci] if path != OWN]
    for path in project_files:
        text = path.read_text(encoding="utf-8")
        for command in (
            "make setup",
            "make check",
            "make test",
            "dvc repro --dry --allow-missing",
            "dvc metrics diff --md",
        ):
            assert command in text
