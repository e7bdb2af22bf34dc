"""Damage done by real git, DVC and hands, and the cure that is printed: followed, all is whole."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.runtime.errors import UserError
from review import gate, repair, undo
from review.conflicts import stages_of
from review.lock import LOCK, stale_stages
from review.runs import main as compare_runs
from tests.reviewed import commit, dvc, lay_project, run, write_json

ENV = {
    f"GIT_{who}_{what}": "me@example.invalid"
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}
COUNTED = "cp source/train.json plots/ && echo trained >>trained.txt"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose pipeline has run, with hard links as generated ones have."""
    folder = tmp_path_factory.mktemp("repair") / "project"
    lay_project(folder)
    with (folder / ".dvc/config").open("a") as file:
        file.write('[cache]\n    type = "hardlink,copy"\n')
    with (folder / ".gitignore").open("a") as file:
        file.write("/trained.txt\n/.scratch\n")
    stages = (folder / "dvc.yaml").read_text()
    (folder / "dvc.yaml").write_text(stages.replace("cp source/train.json plots/", COUNTED))
    commit(folder, "results")
    return folder


@pytest.fixture(scope="module")
def pulled(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of it, whose cache is its own."""
    folder = tmp_path_factory.mktemp("pulled") / "project"
    run(folder.parent, "git", "clone", "--quiet", str(finished), str(folder))
    dvc(folder, "pull", "--quiet")
    return folder


@pytest.fixture
def project(pulled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the clone, in which outputs are hard links into its own cache, too."""
    folder, copies = tmp_path / "project", dict[int, str]()

    def copy_or_link(source: str, target: str) -> str:
        first = copies.setdefault(Path(source).stat().st_ino, target)
        if first == target:
            return str(shutil.copy2(source, target))
        Path(target).hardlink_to(first)
        return target

    shutil.copytree(pulled, folder, symlinks=True, copy_function=copy_or_link)
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)
    return folder


def sh(command: str) -> str:
    """Run a line of shell; it may fail."""
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def change(key: str, old: str, new: str, branch: str) -> None:
    """Change a param on a branch of its own, run, and commit."""
    run(Path(), "git", "switch", "--quiet", "--create", branch, "origin/main")
    text = Path("params.yaml").read_text()
    assert old in text, key
    Path("params.yaml").write_text(text.replace(old, new))
    commit(Path(), branch)


def test_a_merge_of_two_branches_is_settled_without_training(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_json(project, "train", [{"step": 1, "loss": 0.25}])
    change("train", "learning_rate: 0.001", "learning_rate: 0.0021", "rate")
    lock = Path("dvc.lock").read_text()
    run(project, "git", "switch", "--quiet", "main")
    bench = json.loads(Path("source/bench.json").read_text()) | {"other": {}}
    write_json(project, "bench", bench)
    change("eval", "bootstrap: 500", "bootstrap: 1500", "boot")
    Path("trained.txt").unlink(missing_ok=True)
    # What both wrote, in lines that git cannot merge.
    text = Path("dvc.lock").read_text()
    assert text != lock
    sh("git merge rate --no-edit -X no-renames")
    Path("dvc.lock").write_text(f"<<<<<<< HEAD\n{text}=======\n{lock}>>>>>>> rate\n")
    assert "Running" not in sh(f"{sys.executable} -m dvc repro")  # DVC cannot read it
    repair.main()
    said = capsys.readouterr().out
    assert "settled dvc.lock" in said
    assert stages_of(Path("dvc.lock").read_text()).keys() == stages_of(text).keys()
    dvc(project, "repro", "--quiet")
    assert not Path("trained.txt").exists()
    assert json.loads(Path("plots/train.json").read_text()) == [{"step": 1, "loss": 0.25}]
    assert stale_stages() == []


def test_a_conflict_in_what_people_write_is_left_to_them(project: Path) -> None:
    change("train", "learning_rate: 0.001", "learning_rate: 0.0021", "a")
    run(project, "git", "switch", "--quiet", "main")
    change("train", "learning_rate: 0.001", "learning_rate: 0.00375", "b")
    assert "CONFLICT" in sh("git merge a --no-edit")
    with pytest.raises(UserError, match=r"params\.yaml: conflicts that only you can settle"):
        repair.main()
    sh("git checkout --theirs params.yaml; git add params.yaml")
    Path("trained.txt").unlink(missing_ok=True)
    repair.main()
    dvc(project, "repro", "--quiet")
    assert not Path("trained.txt").exists()
    assert stale_stages() == []


def test_the_cure_of_a_conflict_in_a_file_of_dvc_add_works(project: Path) -> None:
    for branch in ("a", "b"):
        sh(f"git switch --quiet --create {branch} origin/main")
        Path("own.csv.dvc").write_text(f"outs:\n- md5: {branch * 32}\n  path: own.csv\n")
        commit(Path(), branch)
    assert "CONFLICT" in sh("git merge a --no-edit")
    with pytest.raises(UserError, match=r"git checkout --ours FILE.* and `git add` it"):
        repair.main()
    sh("git checkout --ours own.csv.dvc; git add own.csv.dvc")
    repair.main()


def edit_in_place(path: Path, old: str, new: str) -> None:
    """Edit through the hard link, as root in a container may."""
    path.chmod(0o644)
    with path.open("r+", encoding="utf-8") as file:
        text = file.read()
        assert old in text
        file.seek(0)
        file.write(text.replace(old, new))
        file.truncate()
    path.chmod(0o444)


@pytest.mark.parametrize("pushed", [True, False])
def test_an_output_edited_through_its_hard_link(
    project: Path, pushed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path("predictions/tuned.jsonl")
    before = path.read_bytes()
    edit_in_place(path, "wrong_answer", "correct")
    assert "checkout" not in dvc(project, "repro")  # DVC takes the edited object for the output
    [failed] = [check for check in gate.all_checks() if check.name == "hashes"]
    assert "`make repair`, then `dvc repro`" in failed.why
    if not pushed:
        remote = project.parent / "nowhere"
        dvc(project, "remote", "modify", "--local", "storage", "url", str(remote))
    repair.main()
    assert "removed 1 edited objects" in capsys.readouterr().out
    dvc(project, "repro", "--quiet")
    assert path.read_bytes() == before
    assert gate.main() == 0


def test_an_edited_file_of_data_raw_stays_an_edit(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = Path("data/raw/own.jsonl")
    own.parent.mkdir(parents=True)
    own.write_text('{"a": 1}\n')
    sh("printf '/*\\n!/raw\\n' >data/.gitignore; sed -i 's,^/data$,,' .gitignore")
    dvc(project, "add", "--quiet", str(own))
    edit_in_place(own, "1", "2")
    repair.main()
    assert "your edit is kept; `dvc add data/raw/own.jsonl`" in capsys.readouterr().out
    assert own.read_text() == '{"a": 2}\n'
    dvc(project, "add", "--quiet", str(own))
    assert "data/raw" not in dvc(project, "status")


def test_nothing_to_mend_is_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repair.main()
    assert capsys.readouterr().out.endswith("repair: nothing to repair\n")


def state() -> dict[str, bytes]:
    """What git and DVC keep here."""
    kept = ("params.yaml", "dvc.lock", "metrics.json", "metrics/bench.json")
    outs = [*Path("predictions").glob("*"), *Path("plots").glob("*")]
    return {str(path): path.read_bytes() for path in (*map(Path, kept), *outs) if path.exists()}


@pytest.mark.parametrize("fails", [False, True])
def test_undo_restores_what_an_experiment_changed(
    project: Path, fails: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state()
    source = Path("source/eval" if fails else "source/bench.json")
    if fails:
        shutil.move("source/metrics.json", "metrics.away")
    else:
        write_json(project, "bench", json.loads(source.read_text()) | {"engine": "other"})
    said = sh(f"{sys.executable} -m dvc exp run -S train.learning_rate=0.5 -S eval.bootstrap=700")
    assert ("ERROR" in said) is fails, said
    assert state() != before
    undo.main()
    assert state() == before
    assert "learning_rate" in Path(".scratch/params.yaml").read_text()
    if fails:
        shutil.move("metrics.away", "source/metrics.json")
    else:
        sh("git restore source")
    assert stale_stages() == []
    assert gate.main() == 0
    assert "gate: pass" in capsys.readouterr().out


def test_undo_without_a_first_run_says_what_makes_one(project: Path) -> None:
    sh("git rm --quiet dvc.lock && git commit --quiet -m none")
    with pytest.raises(UserError, match="`make first-run` runs all and commits it"):
        undo.main()


def test_runs_are_compared_on_a_terminal_of_120_columns(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    sh(f"{sys.executable} -m dvc exp run --name slower -S train.learning_rate=0.5")
    undo.main()
    sh(f"{sys.executable} -m dvc exp run --name part -S train.learning_rate=0.25 curate")
    capsys.readouterr()
    compare_runs()
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 120
    rows = {line.split()[0]: line for line in lines[2:] if line.strip()}
    assert rows["slower"].rstrip().endswith("train.learning_rate=0.5")
    assert "93.3 ±" in rows["slower"]
    assert rows["part"].startswith("part *")
    assert any(line.startswith("* part: some figures are out of date") for line in lines)


@pytest.fixture
def busy(project: Path) -> Iterator[int]:
    """A process that looks like DVC and, as its note says, writes models."""
    process = subprocess.Popen([sys.executable, "-c", "input()", "dvc"], stdin=subprocess.PIPE)
    note = {"pid": process.pid, "cmd": "/x/bin/dvc repro"}
    Path(".dvc/tmp/rwlock").write_text(json.dumps({"write": {str(project / "models"): note}}))
    yield process.pid
    process.communicate(b"\n")


@pytest.mark.parametrize("script", ["review.gate", "review.compare HEAD", "review.undo"])
def test_a_run_that_goes_on_is_named_and_no_lock_is_to_be_deleted(busy: int, script: str) -> None:
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", *script.split()]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.stderr == (
        f"`dvc repro` (process {busy}) is running and writes models; wait until it has ended\n"
    )


def test_a_note_of_a_killed_run_stops_nobody(project: Path) -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    note = {"pid": done.pid, "cmd": "dvc repro"}
    Path(".dvc/tmp/rwlock").write_text(json.dumps({"write": {"models": note}}))
    assert gate.main() == 0


def test_the_gate_before_head_ends_quietly(project: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    line = f"set -o pipefail; {sys.executable} -m review.gate | true; echo $?"
    done = subprocess.run(["bash", "-c", line], env=env, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_dvc_lock_half_written_is_that_of_the_last_commit(project: Path) -> None:
    LOCK.write_text("stages:\n  a: [")
    Path(".dvc/tmp/rwlock").write_text("{")
    repair.main()
    assert stale_stages() == []
    assert gate.main() == 0
