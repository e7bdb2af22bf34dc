"""GPUs by name: what they can do, how long a training takes on one, and what that costs."""

from collections.abc import Iterable
from typing import Any

from lib.runtime.errors import UserError

UTILISATION = 0.35  # of a GPU's peak that fine-tuning reaches
# Seconds that Python takes to start the kernels of a layer with adapters, forward and back; half as
# much again where forward is done again (0.4 and 0.6 s a step of 28 layers, beside an H200): with a
# small base or few tokens a step the GPU waits for them.
STARTS = 0.014

# name: (dense bf16 operations a second, bytes of memory), from NVIDIA's data sheets
GPUS = {
    "L4 24 GB": (121e12, 24e9),
    "RTX 4090 24 GB": (165e12, 24e9),
    "A100 80 GB": (312e12, 80e9),
    "H100 80 GB": (989e12, 80e9),
    "H200 141 GB": (989e12, 141e9),
}


def gpu_hours(estimate: dict[str, Any]) -> dict[str, float]:
    """Estimate the hours of a training on one of each GPU that can hold it.

    `estimate` is what train wrote to logs/train/estimate.json.
    """
    phases = list(estimate["phases"].values())
    return {
        name: round(sum(seconds(estimate, one, speed) for one in phases) / 3600, 4)
        for name, (speed, size) in GPUS.items()
        if estimate["peak_memory_bytes"] <= size
    }


def seconds(estimate: dict[str, Any], phase: dict[str, Any], speed: float) -> float:
    """Estimate the seconds of a phase on a GPU that does `speed` operations a second.

    That is computing, or starting kernels, whichever takes longer.
    """
    again = (1 + estimate["checkpointing"] / 2) * (1 + phase["reference"] / 3)
    starts = phase["passes"] * estimate["layers"] * STARTS * again
    return max(phase["operations"] / (speed * UTILISATION), starts)


def hours_in_words(hours: dict[str, float], prices: dict[str, float]) -> str:
    """Say the hours by GPU as people read them, with their cost where a price is known.

    `prices` are those of an hour, by the name of the GPU.
    """
    return ", ".join(
        f"{name} {duration(time)}"
        + (f" for {cost_in_words(time * prices[name])}" if name in prices else "")
        for name, time in hours.items()
    )


def cost_in_words(amount: float) -> str:
    """Show an amount to the cent, or that it is less."""
    return f"{amount:.2f}" if amount >= 0.005 else "less than 0.01"


def duration(hours: float) -> str:
    """Show hours, or that they are a minute or less."""
    return f"{hours:.2g} h" if hours >= 0.02 else "about a minute or less"


def check_prices(names: Iterable[str]) -> None:
    """Raise UserError for a name in gate.cost.gpu_per_hour that is not in GPUS."""
    if unknown := sorted(set(names) - GPUS.keys()):
        raise UserError(
            f"params.yaml: gate.cost.gpu_per_hour: {', '.join(unknown)}: not one of the GPUs whose "
            f"hours are estimated: {', '.join(GPUS)}"
        )
