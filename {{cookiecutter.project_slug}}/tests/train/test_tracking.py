"""Each tracker in a real run: the curve is there, and the weights are those of a run without."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lib.runtime.errors import UserError
from lib.train.tracking import start_tracker
from stages import train
from tests.train.test_resume import lay_out_project

pytestmark = pytest.mark.slow

WEIGHTS = "models/tuned/model.safetensors"

ENV = os.environ | {
    "WANDB_MODE": "offline",
    "WANDB__SERVICE_WAIT": "300",  # seconds; a busy machine takes long to start it
}


def losses_of_tensorboard(home: Path) -> dict[str, int]:
    """Training -> number of losses."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = {}
    for folder in home.iterdir():
        events = EventAccumulator(str(folder))
        events.Reload()
        found[folder.name.partition("-")[2] or "sft"] = len(events.Scalars("train/loss"))
    return found


def losses_of_wandb(home: Path) -> dict[str, int]:
    """Training -> number of losses; W&B has no reader for its own files."""
    found = {}
    for path in home.glob("wandb/offline-run-*/*.wandb"):
        data = path.read_bytes()
        found["dpo" if b"-dpo" in data else "sft"] = data.count(b"train/loss")
    return found


def losses_of_mlflow(home: Path) -> dict[str, int]:
    """Training -> number of losses."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    runs = client.search_runs(["0"])
    return {
        run.info.run_name.partition("-")[2]: len(client.get_metric_history(run.info.run_id, "loss"))
        for run in runs
    }


READERS: dict[str, Callable[[Path], dict[str, int]]] = {
    "tensorboard": losses_of_tensorboard,
    "wandb": losses_of_wandb,
    "mlflow": losses_of_mlflow,
}


def lay_out_tracked(folder: Path, method: str, tracker: str) -> None:
    """A project whose training a tracker follows."""
    lay_out_project(folder, method)
    params = folder / "params.yaml"
    text = params.read_text(encoding="utf-8")
    params.write_text(text.replace('"tracking":"none"', f'"tracking":"{tracker}"'), "utf-8")


@pytest.fixture(scope="module")
def untracked(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The weights of a run without a tracker."""
    folder = tmp_path_factory.mktemp("untracked") / "project"
    lay_out_tracked(folder, "dpo", "none")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train.main()
    return (folder / WEIGHTS).read_bytes()


@pytest.mark.parametrize("tracker", READERS)
def test_curves_are_kept_and_no_bit_changes(
    tracker: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """In a process of its own, as a user runs it: trackers write at its end, too."""
    pytest.importorskip(tracker, reason=f"needs {tracker}: pip install '.[{tracker}]'")
    project = tmp_path / "project"
    lay_out_tracked(project, "dpo", tracker)
    run = [sys.executable, "-m", "stages.train"]
    done = subprocess.run(run, cwd=project, env=ENV, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (project / WEIGHTS).read_bytes() == request.getfixturevalue("untracked")
    found = READERS[tracker](project / ".scratch" / tracker)
    assert set(found) == {"sft", "dpo"}
    assert min(found.values()) > 1


def test_a_tracker_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.train.tracking.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"pip install -c constraints.txt '\.\[mlflow\]'"):
        start_tracker("mlflow", tmp_path / "a/b")


def test_wandb_without_a_key_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="needs wandb: pip install '.[wandb]'")
    lay_out_tracked(tmp_path / "project", "full", "wandb")
    env = {name: value for name, value in ENV.items() if not name.startswith("WANDB")}
    done = subprocess.run(
        [sys.executable, "-m", "stages.train"],
        cwd=tmp_path / "project",
        env=env | {"HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "`wandb login`, or set WANDB_API_KEY" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_dvc_sees_the_curves_of_a_training_under_way() -> None:
    """DVC passes over a dvc.yaml that git ignores, and stops at one whose dvc.lock is ignored."""
    rules = Path(__file__).parents[2].joinpath(".gitignore").read_bytes().splitlines()
    dulwich = pytest.importorskip("dulwich.ignore", reason="DVC's own reader of git")
    ignored = dulwich.IgnoreFilter(rules).is_ignored
    assert not any(ignored(path) for path in ("live/", "live/dvc.yaml", "live/dvc.lock"))
    assert all(ignored(path) for path in ("live/metrics.json", "live/plots/"))
