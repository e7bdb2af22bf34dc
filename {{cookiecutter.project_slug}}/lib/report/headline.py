"""The headline numbers of metrics.json: columns of `dvc exp show` and `dvc metrics diff`."""

from typing import Any

from lib.release.cost import busiest

SYSTEMS = ("base", "tuned", "quantized")
MEGABYTE = 1_000_000

Metrics = dict[str, Any]


def headline(systems: dict[str, Metrics], train: Metrics, bench: Metrics) -> dict[str, float]:
    """Pick the headline numbers of metrics.json, at most twelve, under names that stay.

    From metrics/eval/SYSTEM.json by system, and metrics/train.json and bench.json; the gate, which
    may lack the training's, makes them again.
    """
    numbers: dict[str, float] = {}
    for part, prefix in (("golden", ""), ("test", "test_")):
        for name in SYSTEMS:
            if part in systems.get(name, {}) and (part == "golden" or name == "tuned"):
                found = systems[name][part]
                numbers[f"{prefix}{found['primary']}_{name}"] = found["score"]
    if safety := systems["tuned"].get("adversarial"):
        numbers["unsafe_rate_tuned"] = safety["unsafe_rate"]
        numbers["over_refusal_tuned"] = safety["over_refusal_rate"]
    if train:
        of_last = ("preference_val_loss", "val_loss", "train_loss")  # of what was trained last
        numbers["val_loss"] = next(train[name] for name in of_last if name in train)
    for name in ("tuned", "quantized"):
        if name in bench:
            numbers[f"{name}_mb"] = bench[name]["bytes"] / MEGABYTE
            numbers[f"{name}_tokens_per_s"] = (busiest(bench, name) or {})["output_tokens_per_s"]
    return {name: round(value, 4) for name, value in numbers.items()}
