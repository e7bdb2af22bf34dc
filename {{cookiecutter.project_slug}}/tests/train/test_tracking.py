"""Each tracker in a real run: the curve is there, and the weights are those of a run without."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lib.runtime.errors import UserError
from lib.train.tracking import track
from tests.train.test_resume import lay_out_project

pytestmark = pytest.mark.slow

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


def trained(folder: Path, tracker: str) -> bytes:
    """Run the stage as a user does; the weights."""
    lay_out_project(folder, "dpo")
    params = folder / "params.yaml"
    text = params.read_text(encoding="utf-8")
    params.write_text(text.replace('"tracking":"none"', f'"tracking":"{tracker}"'), "utf-8")
    run = [sys.executable, "-m", "stages.train"]
    done = subprocess.run(run, cwd=folder, env=ENV, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return (folder / "models/tuned/model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def untracked(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The weights of a run without a tracker."""
    return trained(tmp_path_factory.mktemp("untracked") / "project", "none")


@pytest.mark.parametrize("tracker", READERS)
def test_curves_are_kept_and_no_bit_changes(tracker: str, untracked: bytes, tmp_path: Path) -> None:
    pytest.importorskip(tracker, reason=f"needs {tracker}: pip install '.[{tracker}]'")
    assert trained(tmp_path / "project", tracker) == untracked
    found = READERS[tracker](tmp_path / "project/.scratch" / tracker)
    assert set(found) == {"sft", "dpo"}
    assert min(found.values()) > 1


def test_a_tracker_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.train.tracking.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"pip install -c constraints.txt '\.\[mlflow\]'"):
        track("mlflow", tmp_path / "a/b")


def test_wandb_without_a_key_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="needs wandb: pip install '.[wandb]'")
    lay_out_project(tmp_path / "project", "full")
    params = tmp_path / "project/params.yaml"
    text = params.read_text(encoding="utf-8").replace('"tracking":"none"', '"tracking":"wandb"')
    params.write_text(text, encoding="utf-8")
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
