"""Whether a training learnt anything: a run that did not exits well, and its model is the base."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from lib.train.history import History

_FEW = 10  # steps, below which a run is too short to learn from, whatever the rate


def adapter_is_zero(folder: Path) -> bool:
    """Tell whether the adapter in a folder changes nothing: its second factors begin at zero."""
    from safetensors.torch import load_file

    file = folder / "adapter_model.safetensors"
    if not file.is_file():
        return False
    found = [part for name, part in load_file(file).items() if "lora_B" in name]
    return bool(found) and not any(part.any() for part in found)


def is_unchanged(before: "Tensor | None", after: "Tensor", adapter: Path) -> bool:
    """Tell whether a model is its base: by their logits on the same texts, and by its adapter.

    `before` is None where the base was read in other bits (qlora).
    """
    return adapter_is_zero(adapter) or (before is not None and bool((before == after).all()))


def judge(histories: dict[str, "History"], unchanged: bool, records: int) -> dict[str, Any]:
    """Return whether each training was long enough and learnt, for metrics; say aloud if not."""
    lost = [phase for phase, history in histories.items() if lost_nothing(history)]
    steps = {phase: history[-1]["step"] for phase, history in histories.items()}
    short = [phase for phase, count in steps.items() if count < _FEW]
    for phase in short:
        many = "1 step" if steps[phase] == 1 else f"{steps[phase]} steps"
        say(
            f"{phase} took {many} in all ({records} records): too few to learn much; raise epochs, "
            "lower train.batch_size and train.gradient_accumulation, or bring more records"
        )
    for phase in lost:
        say(
            f"{phase}: the loss on validation did not fall below what it was before the first step;"
            " raise the learning rate or epochs, or look at reports/mask.html for what is learnt"
        )
    if unchanged:
        say(
            "the model learnt nothing: it answers as the base does, to the last bit; raise the "
            "learning rate"
        )
    return {"few_steps": bool(short), "learnt": not (unchanged or lost)}


def lost_nothing(history: "History") -> bool:
    """Tell whether no validation after the first step has a lower loss than that before it."""
    losses = {row["step"]: row["eval_loss"] for row in history if "eval_loss" in row}
    start = losses.pop(0, None)
    return start is not None and bool(losses) and min(losses.values()) >= start


def say(line: str) -> None:
    """Print a warning of training."""
    print(f"train: WARNING: {line}", file=sys.stderr)
