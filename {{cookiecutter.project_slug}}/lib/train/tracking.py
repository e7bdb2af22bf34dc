"""Trackers that others run: the trainer reports to one where `train.tracking` names it."""

import atexit
import os
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from transformers import TrainerCallback

LIVE = Path("live")  # curves of DVCLive, in neither git nor DVC: those of the training under way
_SHOWN = "metrics: [metrics.json]\nplots:\n- plots/metrics: {x: step}\n"


def start_tracker(tracker: str, folder: Path) -> None:
    """Have a tracker write beside the checkpoint folders; raise UserError where it cannot run.

    There its files outlive the run (and `dvc exp run --temp`); what the user has set in the
    environment stays. Its makers are told nothing. It cannot run without its package or its key.
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
    """Raise UserError in a git repository without a commit, which DVCLive cannot follow."""
    asked = [["git", "rev-parse", "--git-dir"], ["git", "rev-parse", "--verify", "HEAD"]]
    inside, has_commit = (
        subprocess.run(one, capture_output=True, check=False).returncode == 0 for one in asked
    )
    if inside and not has_commit:
        raise UserError(
            "params.yaml: train.tracking is dvclive, which needs a first commit: `make commit`"
        )


def log_in() -> None:
    """Find W&B's key before anything is trained; raises UserError without one."""
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
    """Return the callback of a tracker that transformers would start with other settings.

    DVCLive would write into dvc.yaml and make an experiment of its own. While the training runs, a
    dvc.yaml beside its curves shows them to `dvc exp show` and to editors; then it goes.
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
    """Show the second training of a run apart from the first in the tracker.

    Its steps begin at 1 again. MLflow does so by itself.
    """
    if tracker == "tensorboard":
        os.environ["TENSORBOARD_LOGGING_DIR"] += f"-{phase}"
    if tracker == "wandb":
        import wandb

        wandb.finish()
