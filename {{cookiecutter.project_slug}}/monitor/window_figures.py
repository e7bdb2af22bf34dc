"""Compute the figures of a window for its report."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from lib.monitoring.checks import Check
from lib.monitoring.incidents import KINDS, TRIES, Incident
from lib.monitoring.reference import Reference
from lib.monitoring.window import Window


def name_of(window: Window) -> str:
    """Return a file name for the window, from its first and last request (UTC)."""
    first, last = (
        datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H%M")
        for time in (window.first, window.last)
    )
    return f"{first}_{last}"


def window_figures(
    window: Window,
    release: Reference,
    verdict: str,
    checks: list[Check],
    skipped: Counter[str],
    machine_per_hour: float,
) -> dict[str, Any]:
    """Return all figures of the window, in the form of reports/monitor/<window>.json."""
    return {
        "window": name_of(window),
        "verdict": verdict,
        "release": release.system,
        "requests": window.calls,
        "withheld": window.withheld,
        "untimed": window.untimed,
        "skipped": dict(sorted(skipped.items())),
        "models": dict(window.models.most_common()),
        "alarms": sorted({check.alarm for check in checks if check.fired}),
        "checks": [check._asdict() for check in checks],
        "rates": {
            name: {"now": window.counts.rate(name), "then": release.counts.rate(name)}
            for name in sorted(window.counts.of)
        },
        "distributions": {
            name: {"now": dict(sorted(now.items())), "then": dict(sorted(then.items()))}
            for name, now in sorted(window.counts.spreads.items())
            if (then := release.counts.spreads.get(name))
        },
        "latency_ms": window_percentiles(window),
        "cost": serving_cost(window, machine_per_hour),
        "incidents": [one._asdict() for one in sorted(window.incidents, key=is_try)],
        "incident_counts": {kind: window.kinds[kind] for kind in (*KINDS, TRIES)},
    }


def is_try(incident: Incident) -> bool:
    """Tell whether an incident was only an attempt; those are listed last."""
    return incident.kind == TRIES


def window_percentiles(window: Window) -> dict[str, float | None]:
    """Return latency percentiles in milliseconds; None if the logs have none."""
    both = {"e2e": window.latency, "ttft": window.ttft}
    return {
        f"{name}_p{share}": None if (value := one.at(share / 100)) is None else round(value, 1)
        for name, one in both.items()
        for share in (50, 95, 99)
    }


def serving_cost(window: Window, machine_per_hour: float) -> dict[str, float | int | None]:
    """Return tokens, and the cost of 1,000 requests: as logged, or by the price of a machine."""
    hours = (window.last - window.first) / 3600
    logged = 1000 * window.cost / window.priced if window.priced else None
    machine = 1000 * machine_per_hour * hours / window.calls
    return {
        "input_tokens": window.tokens.get("input"),
        "output_tokens": window.tokens.get("output"),
        "logged_per_1000": logged and round(logged, 6),
        "one_machine_per_1000": round(machine, 6),
    }
