"""Report a training to the tracker that `train.tracking` names."""

import atexit
import os
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from transformers import TrainerCallback

LIVE = Path("live")  # DVCLive's curves of the current training, in neither git nor DVC
_SHOWN = "metrics: [metrics.json]\nplots:\n- plots/metrics: {x: step}\n"


def start_tracker(tracker: str, folder: Path) -> None:
    """Configure a tracker to write beside the checkpoint folders; raise UserError if it cannot run.

    There its files outlive the run (and `dvc exp run --temp`). Environment variables that the user
    has set are kept; telemetry is off. A tracker needs its package and, for W&B, a key.
    """
    if tracker == "none":
        return
    if find_spec(tracker) is None:
        raise UserError(
            f"params.yaml: train.tracking is {tracker}, which is not installed; pip install -c "
            f"constraints.txt '.[{tracker}]', or set it to none"
        )
    if tracker == "dvclive":
        needs_commit()
        return
    home = folder.parent.parent / tracker
    home.mkdir(parents=True, exist_ok=True)
    defaults = {
        "tensorboard": {"TENSORBOARD_LOGGING_DIR": str(home / folder.name)},
        "wandb": {
            "WANDB_DIR": str(home),
            "WANDB_PROJECT": Path.cwd().name,
            "WANDB_ERROR_REPORTING": "false",
        },
        "mlflow": {
            "MLFLOW_TRACKING_URI": f"sqlite:///{home / 'mlflow.db'}",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
    }
    for name, value in defaults[tracker].items():
        os.environ.setdefault(name, value)
    if tracker == "wandb":
        log_in()


def needs_commit() -> None:
    """Raise UserError in a git repository without a commit, which DVCLive does not support."""
    asked = [["git", "rev-parse", "--git-dir"], ["git", "rev-parse", "--verify", "HEAD"]]
    inside, has_commit = (
        subprocess.run(one, capture_output=True, check=False).returncode == 0 for one in asked
    )
    if inside and not has_commit:
        raise UserError(
            "params.yaml: train.tracking is dvclive, which needs a first commit: `make commit`"
        )


def log_in() -> None:
    """Find W&B's key before the training; raise UserError without one."""
    from wandb import login
    from wandb.errors import Error

    try:
        login()
    except Error as error:
        said = str(error).splitlines()[0]
        raise UserError(
            f"params.yaml: train.tracking is wandb, which says: {said} Run `wandb login`, or set "
            "WANDB_API_KEY, or WANDB_MODE=offline"
        ) from None


def follow(tracker: str) -> list["TrainerCallback"]:
    """Return the callback of a tracker for which transformers' own settings do not fit.

    By default DVCLive would edit dvc.yaml and create an experiment. While the training runs, a
    dvc.yaml beside its curves shows them in `dvc exp show` and editors; then it is removed.
    """
    if tracker != "dvclive" or os.environ.get("RANK", "0") != "0":
        return []
    from dvclive import Live
    from transformers.integrations import DVCLiveCallback

    live = Live(str(LIVE), dvcyaml=None, report=None, save_dvc_exp=False)
    shown = LIVE / "dvc.yaml"
    shown.write_text(_SHOWN, encoding="utf-8")
    atexit.register(shown.unlink, missing_ok=True)
    return [DVCLiveCallback(live=live)]


def begin_anew(tracker: str, phase: str) -> None:
    """Start a new run in the tracker for the second training.

    Its steps begin at 1 again. MLflow does this by itself.
    """
    if tracker == "tensorboard":
        os.environ["TENSORBOARD_LOGGING_DIR"] += f"-{phase}"
    if tracker == "wandb":
        import wandb

        wandb.finish()
