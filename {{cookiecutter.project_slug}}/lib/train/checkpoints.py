"""Find the checkpoints from which an interrupted training resumes.

Their folder is named by a hash of everything that decides the weights, so a run resumes only from
its own checkpoints.
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

HOUSE = Path(__file__).resolve().parents[2]  # the project's root, with dvc.yaml
LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate")


def scratch(*data: object) -> Path:
    """Return the checkpoint folder of a run, named by a hash of all that decides its weights.

    Hashed are train's code and params in dvc.yaml, the versions of libraries, and `data`
    (JSON-serializable values). After a change to one of these a run starts again; any other change
    cannot affect the weights, and the run resumes. DVC_ROOT, set by dvc, is the main workspace even
    for `dvc exp run --temp` and queued runs.
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
    """Return the version of a library; "" if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock `folder` while this run trains; wait while another run holds the lock.

    Two experiments that differ only after train share the folder. The first process of a run holds
    the lock.
    """
    if os.environ.get("RANK", "0") != "0":
        yield
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def last_whole(folder: Path) -> str | None:
    """Return the path of the newest complete checkpoint, or None."""
    names = {path.name.partition("-")[2]: path for path in folder.glob("checkpoint-*")}
    steps = {int(name): path for name, path in names.items() if name.isdecimal()}
    for step in sorted(steps, reverse=True):
        if is_complete(steps[step]):
            return str(steps[step])
    return None


def is_complete(checkpoint: Path) -> bool:
    """Tell whether a checkpoint was written completely.

    The trainer writes trainer_state.json last. With several processes the first one writes it,
    without waiting for the others, each of which writes its random state (a zip archive).
    """
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    ranks = range(world_size()) if world_size() > 1 else ()
    return all(is_zipfile(checkpoint / f"rng_state_{rank}.pth") for rank in ranks)


def history_of(folder: Path) -> list[dict[str, Any]]:
    """Read the history up to the newest complete checkpoint; [] if there is none."""
    last = last_whole(folder)
    if last is None:
        return []
    state = json.loads(Path(last, "trainer_state.json").read_text(encoding="utf-8"))
    history: list[dict[str, Any]] = state["log_history"]
    return history


def read_weights(model: "PreTrainedModel", checkpoint: str) -> None:
    """Load all weights of a checkpoint into `model`; raise an error if one is missing."""
    dtype = str(model.dtype).removeprefix("torch.")
    model.load_state_dict(load_model(checkpoint, dtype).state_dict())


def resume_whole(trainer: "Trainer") -> None:
    """Make a trainer of all weights load every one when it resumes or ends with the best.

    transformers 5.17 silently skips weights that are named differently in files and in memory: the
    experts of a mixture, and the text part of a vision model.
    """
    from peft import PeftModel

    if isinstance(trainer.model, PeftModel) or sharded():
        return

    def resume(checkpoint: str, _: Any = None) -> None:
        read_weights(trainer.model, checkpoint)

    trainer._load_from_checkpoint = resume
    trainer._load_best_model = lambda: resume(trainer.state.best_model_checkpoint)
