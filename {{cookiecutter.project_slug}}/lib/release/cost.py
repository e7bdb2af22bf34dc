"""Compute the cost of serving and the goodput from the figures of bench and the section `gate`."""

from typing import Any

from lib.release.params import LatencyLimits


def busiest(bench: dict[str, Any], system: str) -> dict[str, Any] | None:
    """Return a system's figures at the highest load in metrics/bench.json; None if not measured."""
    figures = bench.get(system) or {}
    loads = {name: row for name, row in figures.items() if name.startswith("concurrency_")}
    if not loads:
        return None
    return dict(loads[max(loads, key=lambda name: int(name.rpartition("_")[2]))])


def measured_as(bench: dict[str, Any], released: str) -> str:
    """Return the name under which metrics/bench.json has the released system.

    A server that was already running is measured as `served` and is taken for the released one.
    """
    return "served" if "served" in bench else released


def cost_per_1000(load: dict[str, Any], machine_per_hour: float) -> float:
    """Compute the price of 1,000 requests on a machine that is busy at this load all the time."""
    return float(1000 * machine_per_hour / 3600 / load["requests_per_s"])


def goodput(load: dict[str, Any], single: dict[str, Any], limits: LatencyLimits) -> float:
    """Compute the requests/s that met both latency limits (goodput; Zhong et al., 2024, DistServe).

    `single` holds each request's `ttft_ms` and `e2e_ms`, a row of metrics/bench_requests.jsonl.
    """
    pairs = list(zip(single["ttft_ms"], single["e2e_ms"], strict=True))
    kept = [ttft <= limits.ttft_ms_p95 and e2e <= limits.e2e_ms_p95 for ttft, e2e in pairs]
    return float(load["requests_per_s"] * sum(kept) / len(kept))
