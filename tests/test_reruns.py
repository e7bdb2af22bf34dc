"""Edit every file of a finished project in turn: what shows a result trains and asks nothing again.

The outputs are stand-ins of a line each, taken for results by `dvc commit`; DVC then says which
stages it would run.
"""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
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


@contextmanager
def edited(project: Path, names: Sequence[str]) -> Iterator[None]:
    """Add a line to files, and take it back at the end."""
    before = {name: (project / name).read_bytes() for name in names}
    for name, held in before.items():
        (project / name).write_bytes(held + b"\n# edited\n")
    try:
        yield
    finally:
        for name, held in before.items():
            (project / name).write_bytes(held)


def allowed(path: str, reasons: dict[str, str]) -> bool:
    """Whether a file, or a folder that it lies in, is among the reasons."""
    return any(path == one or path.startswith(f"{one}/") for one in reasons)


def test_nothing_would_run_that_has_run(finished: Repo) -> None:
    assert would_run(finished) == set()


def files(project: Path) -> list[str]:
    """The files of a project that git would take; not those that are read as values."""
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard", "-z"],
        cwd=project,
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    values = ("params.yaml", "dvc.yaml", "pyproject.toml", "dvc.lock")
    names = filter(None, listed.split("\0"))
    return [name for name in names if name not in values and not name.startswith(".dvc")]


@pytest.mark.parametrize(("stages", "reasons"), [(DEAR[:1], TRAIN), (DEAR[1:], ANSWER)])
def test_without_a_reason_no_edit_trains_or_asks_again(
    finished: Repo, stages: tuple[str, ...], reasons: dict[str, str]
) -> None:
    """All files without a reason are edited at once: none of them is among the dependencies."""
    project = Path(finished.root_dir)
    names = [name for name in files(project) if not allowed(name, reasons)]
    assert {"lib/report/charts.py", "lib/runtime/errors.py", "lib/evaluate/stats.py"} < set(names)
    with edited(project, names):
        listed = would_run(finished, stages)
    culprits = []
    for name in names if listed else ():
        with edited(project, [name]):
            culprits += [name] if would_run(finished, stages) else []
    assert culprits == []


@pytest.mark.parametrize(("stages", "reasons"), [(DEAR[:1], TRAIN), (DEAR[1:], ANSWER)])
def test_each_reason_is_one(
    finished: Repo, stages: tuple[str, ...], reasons: dict[str, str]
) -> None:
    project = Path(finished.root_dir)
    for reason, why in reasons.items():
        name = next(name for name in files(project) if allowed(name, {reason: why}))
        with edited(project, [name]):
            assert would_run(finished, stages), f"{reason}: {why}"


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
