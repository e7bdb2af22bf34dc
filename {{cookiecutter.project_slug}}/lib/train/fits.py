"""Check that a training fits into memory, and suggest settings if it does not."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from lib.core.params import BaseParams
from lib.runtime.errors import UserError
from lib.train.estimate import Load, peak
from lib.train.model_shape import ModelShape, shape_of
from lib.train.params import TrainParams

if TYPE_CHECKING:
    from transformers import PretrainedConfig

LIGHTER = {"full": ("lora", "qlora"), "lora": ("qlora",), "qlora": ()}  # lighter methods


def check_memory(
    shape: ModelShape,
    phases: dict[str, Load],
    available: float,
    others: Iterable[tuple[str, ModelShape]],
) -> None:
    """Raise UserError if a training step does not fit into memory; suggest a setting that does.

    That is a smaller batch, or one of `others` (setting, shape). `available` is in bytes.
    """
    if (needed := peak(shape, phases)) <= available:
        return
    cures = (fitting(name, one, phases, available) for name, one in chain([("", shape)], others))
    cure = next(filter(None, cures), "use a smaller base, shorter records or a larger device")
    sizes = f"a step needs about {needed / 1e9:.1f} GB, the device has {available / 1e9:.1f}"
    raise UserError(f"train: {sizes}; {cure}")


def fitting(setting: str, shape: ModelShape, phases: dict[str, Load], available: float) -> str:
    """Return a setting with the largest batch that fits; "" if none does.

    The batch is at most train.batch_size.
    """
    most = max(load.batch_size for load in phases.values())
    for size in range(most, "kto" in phases, -1):
        loads = {name: replace(load, batch_size=size) for name, load in phases.items()}
        if peak(shape, loads) <= available:
            batch = f"train.batch_size {size}" if size < most else ""
            fits = " with ".join(filter(None, [setting, batch])) + " fits"
            return fits + " (and more train.gradient_accumulation)" * bool(batch)
    return ""


def lighter(
    config: "PretrainedConfig", base: BaseParams, params: TrainParams, shape: ModelShape
) -> Iterator[tuple[str, ModelShape]]:
    """Yield settings that need less memory than `params`, the heaviest first, with their shapes."""
    also = ""
    if not shape.checkpointing:
        yield "train.gradient_checkpointing true", replace(shape, checkpointing=True)
        also = "train.gradient_checkpointing true, "
        params = params.model_copy(update={"gradient_checkpointing": True})
    four_bits = shape.gpu and shape.weight_shards == 1 and not params.prefers
    for weights in LIGHTER[params.weights]:
        if weights == "qlora" and not four_bits:
            continue
        key, update = "method", dict[str, Any](method=weights)
        if params.prefers:
            section = params.preference.model_copy(update={"weights": weights})
            key, update = "preference.weights", dict[str, Any](preference=section)
        found = shape_of(config, base, params.model_copy(update=update), not shape.gpu)
        found = replace(found, shards=shape.shards, weight_shards=shape.weight_shards)
        yield f"{also}train.{key} {weights}", found
