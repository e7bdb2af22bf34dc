"""What a team does with a generated project, for real: two clones, a git remote, a DVC remote.

Training and bench are cut short by params; everything else is as generated.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter
from psutil import process_iter
from ruamel.yaml import YAML

from benchmarks.demo import TIMINGS

pytestmark = pytest.mark.slow

TEMPLATE = Path(__file__).parents[1]
SHORT = {
    "train": {"epochs": 0.1, "checkpoint_steps": 10},
    "answer": {"max_new_tokens": 4},
    "bench": {"requests": 2},
}


def sh(folder: Path, *command: str) -> str:
    """Run a command; its output, or a failure that shows it."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def shorten(project: Path) -> None:
    """Cut the run short, by params alone."""
    yaml = YAML()
    params = yaml.load(project / "params.yaml")
    for section, values in SHORT.items():
        params[section].update(values)
    yaml.dump(params, project / "params.yaml")


def hashes(project: Path) -> dict[str, str]:
    """Output path -> hash, of every output without timings in dvc.lock."""
    lock = YAML(typ="safe").load(project / "dvc.lock")
    outs = [out for stage in lock["stages"].values() for out in stage["outs"]]
    return {out["path"]: out["md5"] for out in outs if out["path"] not in TIMINGS}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bare git remote `hub.git`, a DVC remote and clone `one`, which has run."""
    folder = tmp_path_factory.mktemp("team")
    answers = {"project_slug": "one", "dvc_remote": "../storage"}
    cookiecutter(
        str(TEMPLATE),
        no_input=True,
        extra_context=answers,
        output_dir=str(folder),
        default_config=True,
    )
    one = folder / "one"
    shorten(one)
    sh(one, "make", "commit")
    sh(folder, "git", "init", "--quiet", "--bare", "--initial-branch", "main", "hub.git")
    sh(one, "git", "remote", "add", "origin", "../hub.git")
    sh(one, "git", "push", "--quiet", "origin", "main")
    sh(one, "dvc", "repro")
    return folder


def test_a_second_clone_gets_the_same_hashes_even_when_killed(team: Path) -> None:
    killed = team / "killed"
    sh(team, "git", "clone", "--quiet", "hub.git", "killed")
    for stage, seconds in (("curate", 1.5), ("dedup", 0.3), ("split", 0.3)):
        started = partial(contains, f"Running stage '{stage}'")
        kill(killed, ["dvc", "repro"], started, seconds)
    kill(killed, ["dvc", "repro"], lambda _: has_checkpoint(killed))
    output = sh(killed, "dvc", "repro")
    assert "train: resumes from" in output
    assert hashes(killed) == hashes(team / "one")


def test_dvc_killed_while_it_writes_its_own_files(team: Path) -> None:
    """It empties them and writes them anew, which takes dvc.lock 0.4 s after each stage."""
    one = team / "one"
    before = hashes(one)
    (one / "dvc.lock").write_text("")
    (one / ".dvc" / "tmp" / "rwlock").write_text("")
    assert subprocess.run(["dvc", "repro"], cwd=one, capture_output=True, check=False).returncode
    sh(one, "make", "repair")
    assert "> python" not in sh(one, "dvc", "repro")
    assert hashes(one) == before


def kill(project: Path, command: list[str], due: Callable[[str], bool], seconds: float = 0) -> None:
    """Start a command and, `seconds` after a line of its output at which it is due, kill it with
    everything it started, as a power cut would."""
    process = subprocess.Popen(
        command,
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if due(line):
            break
    else:
        raise AssertionError(f"{' '.join(command)} ended before it was killed:\n{''.join(lines)}")
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def contains(what: str, line: str) -> bool:
    """Whether a line contains `what`."""
    return what in line


def has_checkpoint(project: Path) -> bool:
    """Whether training has written its first checkpoint."""
    return any(project.glob(".scratch/train/*/sft/checkpoint-*/trainer_state.json"))


def test_repro_again_runs_nothing(team: Path) -> None:
    assert "Running stage" not in sh(team / "one", "dvc", "repro")


def test_push_and_pull_bring_a_run_to_a_second_clone(team: Path) -> None:
    one = team / "one"
    sh(one, "git", "add", "--all")
    sh(one, "git", "commit", "--quiet", "--message", "First run")
    sh(one, "git", "push", "--quiet", "origin", "main")
    sh(one, "dvc", "push")
    sh(team, "git", "clone", "--quiet", "hub.git", "two")
    sh(team / "two", "dvc", "pull")
    assert "Running stage" not in sh(team / "two", "dvc", "repro")


def test_experiments_are_run_queued_shown_and_compared(team: Path) -> None:
    one = team / "one"
    sh(
        one,
        "dvc",
        "exp",
        "run",
        "--name",
        "slow",
        "-S",
        "train.learning_rate=0.001",
        "answer@tuned",
    )
    diff = json.loads(sh(one, "dvc", "exp", "diff", "HEAD", "slow", "--json"))
    assert diff["params"]["params.yaml"]["train.learning_rate"]["new"] == 0.001


def test_a_sweep_is_queued_by_one_command(team: Path) -> None:
    one = team / "one"
    sh(one, "dvc", "exp", "run", "--queue", "-S", "train.learning_rate=1e-4,2e-4", "train")
    assert run_queue(one).count("Success") == 2
    shown = json.loads(sh(one, "dvc", "exp", "show", "--json"))
    runs = [run["revs"][0]["data"] for commit in shown for run in commit.get("experiments") or []]
    rates = [run["params"]["params.yaml"]["data"]["train"]["learning_rate"] for run in runs]
    assert {0.0001, 0.0002} <= set(rates)


def test_a_killed_experiment_goes_on(team: Path) -> None:
    run = ["dvc", "exp", "run", "--temp", "-S", "train.seed=8", "train"]
    kill(team / "one", run, lambda _: has_checkpoint(team / "one"))
    assert "train: resumes from" in sh(team / "one", *run)


def start_queue(project: Path) -> None:
    """Have a worker run what is queued; a pipe would be the worker's, too, and last as long."""
    null = subprocess.DEVNULL
    subprocess.run(["dvc", "queue", "start"], cwd=project, stdout=null, stderr=null, check=True)


def run_queue(project: Path) -> str:
    """Run what is queued to its end; what dvc says of it then."""
    start_queue(project)
    while "Running" in (status := sh(project, "dvc", "queue", "status")) or "Queued" in status:
        time.sleep(1)
    return status


def test_a_queued_run_goes_on_after_a_power_cut(team: Path) -> None:
    one = team / "one"
    queue = ["dvc", "exp", "run", "--queue", "-S", "train.seed=7", "train", "--name"]
    sh(one, *queue, "cut")
    start_queue(one)
    while not has_checkpoint(one):
        status = sh(one, "dvc", "queue", "status")
        assert "Queued" in status or "Running" in status
    for process in process_iter(["cwd"]):
        if one.resolve() in Path(process.info["cwd"] or "/", "any").parents:
            process.kill()
    assert "Running" in sh(one, "dvc", "queue", "status")  # nobody is left to say otherwise
    sh(one, "dvc", "queue", "kill", "cut")
    sh(one, *queue, "again")
    assert "Failed" in run_queue(one)
    assert "train: resumes from" in sh(one, "dvc", "queue", "logs", "again")


def test_a_stage_outside_the_project_root_says_so(team: Path) -> None:
    done = subprocess.run(
        ["python", "-m", "stages.split"],
        cwd=team,
        env={**os.environ, "PYTHONPATH": str(team / "one")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
