"""Render the report of a window: alarms, evidence, distributions beside the release's."""

from datetime import UTC, datetime
from typing import Any

from lib.report.pages import render_page, share_cell

MOST_VALUES = 12  # shown of a distribution
TITLES = {"pass": "no alarm", "alarm": "alarm", "inconclusive": "too few texts to tell"}

Tally = dict[str, int]


def report_page(rows: dict[str, Any]) -> str:
    """Render the page of reports/monitor/<window>.json."""
    first, last = rows["window"].split("_")
    checks = sorted(rows["checks"], key=lambda one: (not one["fired"], one["kind"], one["p"]))
    found = {kind: count for kind, count in rows["incident_counts"].items() if count}
    return render_page(
        "monitor",
        f"Monitor: {TITLES[rows['verdict']]}",
        requests=rows["requests"],
        first=first,
        last=last,
        release=rows["release"],
        checks=[check_shown(one) for one in checks],
        incidents=[one | {"clock": clock(one["time"])} for one in rows["incidents"]],
        incident_counts=", ".join(f"{kind} {count:,}" for kind, count in found.items()),
        distributions=dict(
            distribution(name, both["now"], both["then"])
            for name, both in rows["distributions"].items()
        ),
        counts={
            "Latency (ms) and cost": figure_cells(rows["latency_ms"] | rows["cost"]),
            "Models": figure_cells(rows["models"]),
            "Lines left out, by reason": figure_cells(rows["skipped"]),
            "Requests of which the logs lack": figure_cells(
                {"the texts": rows["withheld"], "how long they took": rows["untimed"]}
            ),
        },
    )


def check_shown(check: dict[str, Any]) -> dict[str, Any]:
    """Format the figures of a check."""
    kind, now, then, p = (check[key] for key in ("kind", "now", "then", "p"))
    if kind == "incident":
        shown = {"now": f"{now:.0f}", "then": f"at most {then:.0f}", "p": ""}
    else:
        beside = {"rise": f"{then:.2%}", "limit": f"at most {then:.0%}", "shift": ""}[kind]
        shown = {"now": f"{now:.2%}", "then": beside, "p": f"{p:.2g}" if p >= 1e-4 else "< 0.0001"}
    subject = check["subject"] if check["subject"] != check["alarm"] else ""
    return {"alarm": check["alarm"], "subject": subject, "fired": check["fired"], **shown}


def clock(time: float) -> str:
    """Format a time in seconds since 1970."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")


def distribution(name: str, now: Tally, then: Tally) -> tuple[str, list[list[Any]]]:
    """Return a title and the most frequent values with their shares in window and release."""
    here, there = shares_of_counts(now), shares_of_counts(then)
    both = {value: max(here.get(value, 0), there.get(value, 0)) for value in {*here, *there}}
    values = sorted(both, key=lambda value: (-both[value], value))[:MOST_VALUES]
    more = f", the {MOST_VALUES} most frequent" if len(both) > MOST_VALUES else ""
    return name + more, [
        [value, share_cell(here.get(value, 0)), share_cell(there.get(value, 0))]
        for value in sorted(values, key=lambda value: (_order(value), value))
    ]


def shares_of_counts(counts: Tally) -> dict[str, float]:
    """Return counts as shares of the total."""
    total = sum(counts.values()) or 1
    return {name: count / total for name, count in counts.items()}


def _order(value: str) -> int:
    """Return the sort key of a value: bins of lengths by number, others alphabetically."""
    first = value.partition("-")[0]
    return int(first) if first.isdecimal() else -1


def figure_cells(values: dict[str, Any]) -> list[list[Any]]:
    """Return named figures as rows of a table."""
    return [
        [name, "not logged" if value is None else f"{value:,}"] for name, value in values.items()
    ]
