"""Trackers that others run: the trainer reports to one where `train.tracking` names it."""

import os
from importlib.util import find_spec
from pathlib import Path

from lib.errors import UserError


def track(tracker: str, folder: Path) -> None:
    """Have a tracker's files go beside the checkpoint folders, where they outlive the run (and
    `dvc exp run --temp`); what the user has set in the environment stays. Raises UserError where
    its package is missing."""
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
        "wandb": {"WANDB_DIR": str(home), "WANDB_PROJECT": Path.cwd().name},
        "mlflow": {"MLFLOW_TRACKING_URI": f"sqlite:///{home / 'mlflow.db'}"},
    }
    for name, value in defaults[tracker].items():
        os.environ.setdefault(name, value)
