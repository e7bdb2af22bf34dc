"""Check whether a training learnt anything: one that did not ends without an error."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from lib.train.history import History

_FEW = 10  # steps; a shorter run cannot learn much at any learning rate


def adapter_is_zero(folder: Path) -> bool:
    """Tell whether the adapter in a folder changes nothing: its B matrices are still zero."""
    from safetensors.torch import load_file

    file = folder / "adapter_model.safetensors"
    if not file.is_file():
        return False
    found = [part for name, part in load_file(file).items() if "lora_B" in name]
    return bool(found) and not any(part.any() for part in found)


def is_unchanged(before: "Tensor | None", after: "Tensor", adapter: Path) -> bool:
    """Tell whether a model equals its base, by logits on the same texts, or by a zero adapter.

    `before` is None where the base was loaded in another precision (qlora).
    """
    return adapter_is_zero(adapter) or (before is not None and bool((before == after).all()))


def judge(histories: dict[str, "History"], unchanged: bool, records: int) -> dict[str, Any]:
    """Return for metrics whether each training was long enough and learnt; warn if not."""
    lost = [phase for phase, history in histories.items() if lost_nothing(history)]
    steps = {phase: history[-1]["step"] for phase, history in histories.items()}
    short = [phase for phase, count in steps.items() if count < _FEW]
    for phase in short:
        many = "1 step" if steps[phase] == 1 else f"{steps[phase]} steps"
        say(
            f"{phase} took {many} in all ({records} records): too few to learn much; raise "
            "train.epochs, lower train.batch_size and train.gradient_accumulation, or add records"
        )
    for phase in lost:
        say(
            f"{phase}: the validation loss did not fall below its value before the first step; "
            "raise the learning rate or epochs, or check in reports/mask.html what is learnt"
        )
    if unchanged:
        say(
            "the model learnt nothing: its logits are exactly those of the base; raise the "
            "learning rate"
        )
    return {"few_steps": bool(short), "learnt": not (unchanged or lost)}


def lost_nothing(history: "History") -> bool:
    """Tell whether no validation loss is lower than that before the first step."""
    losses = {row["step"]: row["eval_loss"] for row in history if "eval_loss" in row}
    start = losses.pop(0, None)
    return start is not None and bool(losses) and min(losses.values()) >= start


def say(line: str) -> None:
    """Print a warning of training."""
    print(f"train: WARNING: {line}", file=sys.stderr)
