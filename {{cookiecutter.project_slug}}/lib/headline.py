"""The quality numbers among the headline ones: columns of `dvc exp show` and `dvc metrics diff`."""

from typing import Any

SYSTEMS = ("base", "tuned", "quantized")

Metrics = dict[str, Any]


def headline_quality(systems: dict[str, Metrics]) -> dict[str, float]:
    """Seven numbers at most, of metrics/eval/SYSTEM.json by system, under names that stay."""
    numbers: dict[str, float] = {}
    for part, prefix in (("golden", ""), ("test", "test_")):
        for name in SYSTEMS:
            if part in systems.get(name, {}) and (part == "golden" or name == "tuned"):
                numbers[f"{prefix}exact_match_{name}"] = systems[name][part]["exact_match"]
    if safety := systems["tuned"].get("adversarial"):
        numbers["unsafe_rate_tuned"] = safety["unsafe_rate"]
        numbers["over_refusal_tuned"] = safety["over_refusal_rate"]
    return {name: round(value, 4) for name, value in numbers.items()}
