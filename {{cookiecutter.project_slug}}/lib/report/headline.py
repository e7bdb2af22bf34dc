"""Compute the headline numbers of metrics.json, columns of `dvc exp show`."""

from typing import Any

from lib.release.cost import busiest, measured_as

MEGABYTE = 1_000_000


def headline(
    systems: dict[str, dict[str, Any]], train: dict[str, Any], bench: dict[str, Any], system: str
) -> dict[str, float]:
    """Return at most six numbers of the released system, under stable names.

    systems: metrics/eval/SYSTEM.json by system; train: metrics/train.json; bench:
    metrics/bench.json. The gate computes them again, possibly without train's.
    """
    found = systems.get(system, {})
    numbers: dict[str, float] = {
        part: found[part]["score"] for part in ("golden", "test") if part in found
    }
    if safety := found.get("adversarial"):
        numbers["unsafe"] = safety["unsafe_rate"]
        numbers["over_refusal"] = safety["over_refusal_rate"]
    if train:
        of_last = ("preference_val_loss", "val_loss", "train_loss")  # of the last training
        numbers["val_loss"] = next(train[name] for name in of_last if name in train)
    if load := busiest(bench, measured_as(bench, system)):
        numbers["p95_ms"] = load["e2e_ms_p95"]
    return {name: round(value, 4) for name, value in numbers.items()}
