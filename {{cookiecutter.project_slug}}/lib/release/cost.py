"""What a request costs: the price of the machine over the requests it answers."""

from typing import Any


def busiest(bench: dict[str, Any], system: str) -> dict[str, Any] | None:
    """The figures of a system at its highest load in metrics/bench.json; None: not measured.

    A server that ran already is measured once, as `served`, whatever it serves.
    """
    figures = bench.get(system) or bench.get("served") or {}
    loads = {name: row for name, row in figures.items() if name.startswith("concurrency_")}
    if not loads:
        return None
    return dict(loads[max(loads, key=lambda name: int(name.rpartition("_")[2]))])


def cost_per_1000(load: dict[str, Any], machine_per_hour: float) -> float:
    """The price of 1,000 requests at that load, the machine kept busy."""
    return float(1000 * machine_per_hour / 3600 / load["requests_per_s"])
