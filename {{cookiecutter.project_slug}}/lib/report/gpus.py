"""Estimate the hours and the cost of a training on known GPUs."""

from collections.abc import Iterable
from typing import Any

from lib.runtime.errors import UserError

UTILISATION = 0.35  # share of a GPU's peak that fine-tuning reaches
# Seconds that Python needs to launch the kernels of a layer with adapters, forward and backward;
# half as much more with recomputation (0.4 and 0.6 s a step of 28 layers, with an H200). With a
# small base or few tokens per step the GPU waits for the launches.
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
    """Estimate the hours of a training on each GPU with enough memory.

    `estimate` is what train wrote to logs/train/estimate.json.
    """
    phases = list(estimate["phases"].values())
    return {
        name: round(sum(seconds(estimate, one, speed) for one in phases) / 3600, 4)
        for name, (speed, size) in GPUS.items()
        if estimate["peak_memory_bytes"] <= size
    }


def seconds(estimate: dict[str, Any], phase: dict[str, Any], speed: float) -> float:
    """Estimate the seconds of a phase on a GPU with `speed` operations per second.

    That is the longer of computing and launching kernels.
    """
    again = (1 + estimate["checkpointing"] / 2) * (1 + phase["reference"] / 3)
    starts = phase["passes"] * estimate["layers"] * STARTS * again
    return max(phase["operations"] / (speed * UTILISATION), starts)


def hours_in_words(hours: dict[str, float], prices: dict[str, float]) -> str:
    """Format the hours by GPU for people, with the cost where a price is known.

    `prices`: per hour, by the name of the GPU.
    """
    return ", ".join(
        f"{name} {duration(time)}"
        + (f" for {cost_in_words(time * prices[name])}" if name in prices else "")
        for name, time in hours.items()
    )


def cost_in_words(amount: float) -> str:
    """Format an amount to the cent, or as less than one."""
    return f"{amount:.2f}" if amount >= 0.005 else "less than 0.01"


def duration(hours: float) -> str:
    """Format hours, or as about a minute or less."""
    return f"{hours:.2g} h" if hours >= 0.02 else "about a minute or less"


def check_prices(names: Iterable[str]) -> None:
    """Raise UserError for a name in gate.cost.gpu_per_hour that is not in GPUS."""
    if unknown := sorted(set(names) - GPUS.keys()):
        raise UserError(
            f"params.yaml: gate.cost.gpu_per_hour: {', '.join(unknown)}: not one of the known "
            f"GPUs: {', '.join(GPUS)}"
        )
