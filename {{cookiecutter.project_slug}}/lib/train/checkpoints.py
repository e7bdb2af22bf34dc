"""Where an interrupted training run goes on from.

Checkpoints lie in a folder named by everything that decides the weights, so a run resumes only from
its own past.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import is_zipfile

from lib.core.config import PARAMS, read_yaml
from lib.model.loading import load_model
from lib.runtime.files import sha256
from lib.train.launch import sharded, world_size

if TYPE_CHECKING:
    from transformers import PreTrainedModel, Trainer

HOUSE = Path(__file__).resolve().parents[2]  # where lib lies, and dvc.yaml beside it
LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate")


def scratch(*data: object) -> Path:
    """Return the checkpoint folder of a run, named by all that decides its weights.

    That is what dvc.yaml says decides train (its code and its params), the libraries' versions, and
    `data` (JSON-serialisable values). Half a run by one loss and half by another would be neither;
    what no dependency of train names cannot change the weights, and a run goes on after it changed.
    DVC_ROOT, set by dvc, is the main workspace even for `dvc exp run --temp` and queued runs.
    """
    stage = read_yaml(HOUSE / "dvc.yaml")["stages"]["train"]
    code = [sha256(path) for dep in stage["deps"] for path in code_files(dep)]
    keys = [key for key in stage["params"] if isinstance(key, str)]
    sections = read_yaml(PARAMS)
    params = {key: _value_of(sections, key) for key in keys}
    decisive = [*data, params, code, [installed(name) for name in LIBRARIES]]
    raw = json.dumps(decisive, sort_keys=True, ensure_ascii=False).encode()
    name = blake2b(raw, digest_size=8).hexdigest()
    return Path(os.environ.get("DVC_ROOT", "."), ".scratch", "train", name).absolute()


def code_files(dep: str) -> list[Path]:
    """Return the Python files of a dependency: a script, or a room of lib."""
    path = HOUSE / dep
    return [path] if path.suffix == ".py" else sorted(path.rglob("*.py"))


def _value_of(sections: dict[str, Any], key: str) -> Any:
    """Return the value of a dotted key of params.yaml; None where there is none."""
    value: Any = sections
    for name in key.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def installed(name: str) -> str:
    """Return the version of a library; empty where it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait until no other run trains in `folder`, and hold it while this one does.

    Two experiments that differ only behind train share it. Of the processes of one run the first
    holds the lock.
    """
    if os.environ.get("RANK", "0") != "0":
        yield
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def last_whole(folder: Path) -> str | None:
    """Return the path of the newest checkpoint that was written to its end, or None."""
    names = {path.name.partition("-")[2]: path for path in folder.glob("checkpoint-*")}
    steps = {int(name): path for name, path in names.items() if name.isdecimal()}
    for step in sorted(steps, reverse=True):
        if is_complete(steps[step]):
            return str(steps[step])
    return None


def is_complete(checkpoint: Path) -> bool:
    """Tell whether a checkpoint was written to its end, not cut short when the run stopped.

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
    """Read what was logged up to the newest whole checkpoint; an empty list where there is none."""
    last = last_whole(folder)
    if last is None:
        return []
    state = json.loads(Path(last, "trainer_state.json").read_text(encoding="utf-8"))
    history: list[dict[str, Any]] = state["log_history"]
    return history


def read_weights(model: "PreTrainedModel", checkpoint: str) -> None:
    """Set all weights of `model` to those of a checkpoint; an error where one is not there."""
    dtype = str(model.dtype).removeprefix("torch.")
    model.load_state_dict(load_model(checkpoint, dtype).state_dict())


def resume_whole(trainer: "Trainer") -> None:
    """Have a trainer of every weight read them all when it resumes, or ends with its best ones.

    transformers 5.17 leaves what has another name in its files than in memory as it is, in silence:
    the experts of a mixture, all that reads text in a model with eyes.
    """
    from peft import PeftModel

    if isinstance(trainer.model, PeftModel) or sharded():
        return

    def resume(checkpoint: str, _: Any = None) -> None:
        read_weights(trainer.model, checkpoint)

    trainer._load_from_checkpoint = resume
    trainer._load_best_model = lambda: resume(trainer.state.best_model_checkpoint)
