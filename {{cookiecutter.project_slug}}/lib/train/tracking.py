"""Trackers that others run: the trainer reports to one where `train.tracking` names it."""

import os
from importlib.util import find_spec
from pathlib import Path

from lib.runtime.errors import UserError


def track(tracker: str, folder: Path) -> None:
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


def begin_anew(tracker: str, phase: str) -> None:
    """Show the second training of a run apart from the first in the tracker.

    Its steps begin at 1 again. MLflow does so by itself.
    """
    if tracker == "tensorboard":
        os.environ["TENSORBOARD_LOGGING_DIR"] += f"-{phase}"
    if tracker == "wandb":
        import wandb

        wandb.finish()
