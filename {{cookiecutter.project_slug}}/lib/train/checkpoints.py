"""Where an interrupted training run goes on from.

Checkpoints lie in a folder named by everything that decides the weights, so a run resumes only from
its own past.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from lib.runtime.scratch import place
from lib.train.launch import world_size

LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate")


def scratch(*decisive: object) -> Path:
    """The checkpoint folder of the run that `decisive` (JSON-serialisable values) describes, with
    the code at hand: half a run by one loss and half by another would be neither."""
    folder = Path(__file__).parent
    return place(
        "train",
        decisive,
        [*sorted(folder.glob("*.py")), folder.parent / "model/chat.py"],
        LIBRARIES,
    )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait until no other run trains in `folder`: two experiments that differ only behind train
    share it. Of the processes of one run the first holds the lock."""
    if os.environ.get("RANK", "0") != "0":
        yield
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def last_whole(folder: Path) -> str | None:
    """The newest checkpoint that was written to its end, or None."""
    names = {path.name.partition("-")[2]: path for path in folder.glob("checkpoint-*")}
    steps = {int(name): path for name, path in names.items() if name.isdecimal()}
    for step in sorted(steps, reverse=True):
        if whole(steps[step]):
            return str(steps[step])
    return None


def whole(checkpoint: Path) -> bool:
    """Whether a checkpoint was written to its end, and not cut short by whatever stopped the run.

    The trainer writes trainer_state.json last. Of several processes the first does, and waits for
    none of the others, each of which writes the state of its random numbers: an archive.
    """
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    ranks = range(world_size()) if world_size() > 1 else ()
    return all(is_zipfile(checkpoint / f"rng_state_{rank}.pth") for rank in ranks)


def history_of(folder: Path) -> list[dict[str, Any]]:
    """What was logged up to the newest whole checkpoint; nothing where there is none."""
    last = last_whole(folder)
    if last is None:
        return []
    state = json.loads(Path(last, "trainer_state.json").read_text(encoding="utf-8"))
    history: list[dict[str, Any]] = state["log_history"]
    return history
