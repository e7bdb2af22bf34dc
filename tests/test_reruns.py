"""Edit every file of a finished project in turn: what shows a result trains and asks nothing again.

The outputs are stand-ins of a line each, taken for results by `dvc commit`; DVC then says which
stages it would run.
"""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import chdir
from pathlib import Path

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from tests.conftest import Bake

# Why an edit of a file, or of any in a folder, may train or ask again.
SHARED = {
    "lib/core": "records: what a text is",
    "lib/model": "tokens, weights",
    "base": "weights",
}
DEAR = ("train", "answer@base", "answer@tuned")  # what takes hours, or costs money
TRAIN = SHARED | {"stages/train.py": "script", "lib/train": "training"}
ANSWER = SHARED | {
    "stages/answer.py": "script",
    "lib/engines": "asking",
    "lib/cases": "prompts",
    "lib/pii": "masking of leaks",
    "evals/golden.jsonl": "cases",
    "evals/adversarial.jsonl": "cases",
}


@pytest.fixture(scope="module")
def finished(bake: Bake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repo]:
    """A project whose dvc.lock says that every stage has run."""
    project = bake(tmp_path_factory.mktemp("finished"))
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    stages = YAML(typ="safe").load((project / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for stage in stages.values():
        body = stage.get("do", stage)
        for named in [*body.get("outs", []), *body.get("metrics", []), *body["deps"]]:
            name = named if isinstance(named, str) else next(iter(named))
            for key in stage.get("foreach", [""]):
                stand_in(project / name.replace("${key}", key))
    subprocess.run(["dvc", "commit", "--force", "--quiet"], cwd=project, check=True)
    with Repo(str(project)) as repo:
        yield repo


def stand_in(path: Path) -> None:
    """Write a file, or a folder with one where the name has no ending, if it is not there."""
    if path.exists() or "${" in path.name:
        return
    file = path if path.suffix else path / "stand-in.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("stand-in\n", encoding="utf-8")


def would_run(repo: Repo, stages: Sequence[str] = ()) -> set[str]:
    """The stages, or those of some, that `dvc repro` would run; all systems of answer are one."""
    with chdir(repo.root_dir):  # DVC looks for the dvc.yaml of a named stage here
        return {name.split("@")[0] for name in repo.status(targets=list(stages))}


def edited(repo: Repo, path: Path) -> set[str]:
    """The same after a line is added to a file, which is then taken back."""
    before = path.read_bytes()
    path.write_bytes(before + b"\n# edited\n")
    try:
        return would_run(repo, DEAR)
    finally:
        path.write_bytes(before)


def allowed(path: str, reasons: dict[str, str]) -> bool:
    """Whether a file, or a folder that it lies in, is among the reasons."""
    return any(path == one or path.startswith(f"{one}/") for one in reasons)


def test_nothing_would_run_that_has_run(finished: Repo) -> None:
    assert would_run(finished) == set()


@pytest.mark.slow
def test_an_edit_trains_and_asks_again_only_for_a_reason(finished: Repo) -> None:
    project = Path(finished.root_dir)
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard", "-z"],
        cwd=project,
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    read_as_values = {"params.yaml", "dvc.yaml", "pyproject.toml", "dvc.lock"}
    unforeseen: dict[str, set[str]] = {}
    seen: dict[str, set[str]] = {"train": set(), "answer": set()}
    for name in filter(None, listed.split("\0")):
        if name in read_as_values or name.startswith(".dvc"):
            continue
        stages = edited(finished, project / name)
        for stage, reasons in (("train", TRAIN), ("answer", ANSWER)):
            if stage in stages:
                seen[stage].add(name)
                if not allowed(name, reasons):
                    unforeseen.setdefault(name, set()).add(stage)
    assert unforeseen == {}
    for stage, reasons in (("train", TRAIN), ("answer", ANSWER)):
        for reason in reasons:  # a reason that no edit needs any more is to be taken out
            assert any(allowed(name, {reason: ""}) for name in seen[stage]), (stage, reason)


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("    machine_per_hour:", "0.7"),
        ("  primary:", "chrf"),
        ("  bootstrap:", "500"),
        ("  tracking:", "tensorboard"),
        ("  port:", "8123"),
        ("  license:", "mit"),
    ],
)
def test_a_key_that_shows_or_scores_trains_and_asks_nothing(
    finished: Repo, line: str, other: str
) -> None:
    path = Path(finished.root_dir, "params.yaml")
    text = path.read_text(encoding="utf-8")
    lines = [f"{line} {other}" if one.startswith(line) else one for one in text.splitlines()]
    assert lines != text.splitlines()
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        assert not would_run(finished) & {"train", "answer"}
    finally:
        path.write_text(text, encoding="utf-8")
