"""The report of a window as one page: alarms, evidence, distributions beside the release's."""

from datetime import UTC, datetime
from typing import Any

from lib.report.page import Html, bar, escaped, join, page, table

MOST_VALUES = 12  # of a distribution that are shown
TITLES = {"pass": "no alarm", "alarm": "alarm", "inconclusive": "too few requests to tell"}
STYLE = """
.alarm { color: var(--bad); background: var(--bad-back); padding: 0 .5rem; border-radius: .2rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .3rem 0; padding: .5rem;
  background: var(--card) }
.grid { display: grid; gap: 1.5rem 2.5rem;
  grid-template-columns: repeat(auto-fit, minmax(24rem, 1fr)) }
"""

Row = list[str | int]


def report_page(rows: dict[str, Any]) -> str:
    """The page of what reports/monitor/<window>.json holds."""
    first, last = rows["window"].split("_")
    body = [
        Html(
            f"<p>{rows['requests']:,} requests from {escaped(first)} to {escaped(last)} UTC, "
            f"against the release of the {escaped(rows['release'])} model. What to do: "
            "docs/runbook.md, under the name of the alarm.</p>"
        ),
        *_checks(rows["checks"]),
        *_incidents(rows["incidents"], rows["incident_counts"]),
        *_distributions(rows["distributions"]),
        *_counts("Latency (ms) and cost", rows["latency_ms"] | rows["cost"]),
        *_counts("Models", rows["models"]),
        *_counts("Lines left out, by reason", rows["skipped"]),
    ]
    return page(f"Monitor: {TITLES[rows['verdict']]}", body, STYLE)


def _checks(checks: list[dict[str, Any]]) -> list[Html]:
    ranked = sorted(checks, key=lambda check: (not check["fired"], check["kind"], check["p"]))
    head = ["alarm", "of", "now", "release or limit", "p, corrected", ""]
    note = (
        "<p class='soft'>A shift is the share of requests that would have to be others for the "
        "distribution to be the release's. p: the probability of as much by chance, corrected for "
        "the number of checks.</p>"
    )
    return [Html("<h2>Checks</h2>"), table(head, map(_check, ranked)), Html(note)]


def _check(check: dict[str, Any]) -> Row:
    kind, now, then, p = (check[key] for key in ("kind", "now", "then", "p"))
    values = [f"{now:.0f}", f"at most {then:.0f}", ""]
    if kind != "incident":
        beside = {"rise": f"{then:.2%}", "limit": f"at most {then:.0%}", "shift": ""}[kind]
        values = [f"{now:.2%}", beside, f"{p:.2g}" if p >= 0.0001 else "< 0.0001"]
    subject = check["subject"] if check["subject"] != check["alarm"] else ""
    word = Html("<span class='alarm'>alarm</span>") if check["fired"] else "ok"
    return [check["alarm"], subject, *values, word]


def _incidents(incidents: list[dict[str, Any]], counts: dict[str, int]) -> list[Html]:
    if not incidents:
        return [Html("<h2>Incidents</h2><p>None.</p>")]
    rows: list[Row] = [
        [
            one["kind"],
            Html(f"{clock(one['time'])}<br><small>{escaped(one['request_id'])}</small>"),
            Html(
                f"{escaped(one['why'])}<pre>{escaped(one['prompt'])}</pre>"
                f"<pre>{escaped(one['answer'])}</pre>"
            ),
        ]
        for one in incidents
    ]
    total = ", ".join(f"{kind} {count:,}" for kind, count in counts.items() if count)
    return [
        Html(
            f"<h2>Incidents</h2><p>{total}. Personal data and secrets are masked. Injection tries "
            "are an alarm when their share rises.</p>"
        ),
        table(["kind", "time, UTC", "why, request, answer"], rows),
    ]


def clock(time: float) -> str:
    """A time as people read it."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _distributions(spreads: dict[str, dict[str, dict[str, int]]]) -> list[Html]:
    parts = [_distribution(name, **both) for name, both in spreads.items()]
    return [Html(f"<h2>Distributions</h2><div class='grid'>{join(parts)}</div>")]


def _distribution(name: str, now: dict[str, int], then: dict[str, int]) -> Html:
    here, there = shares(now), shares(then)
    both = {value: max(here.get(value, 0), there.get(value, 0)) for value in {*here, *there}}
    values = sorted(both, key=lambda value: (-both[value], value))[:MOST_VALUES]
    more = f", the {MOST_VALUES} most frequent" if len(both) > MOST_VALUES else ""
    rows: list[Row] = [
        [value, bar(here.get(value, 0)), bar(there.get(value, 0))]
        for value in sorted(values, key=lambda value: (order(value), value))
    ]
    return Html(f"<div>{table([name + more, 'this window', 'release'], rows)}</div>")


def shares(counts: dict[str, int]) -> dict[str, float]:
    """Counts as shares of their sum."""
    total = sum(counts.values()) or 1
    return {name: count / total for name, count in counts.items()}


def order(value: str) -> int:
    """Bins of lengths stand in the order of their numbers, other values in the alphabet's."""
    first = value.partition("-")[0]
    return int(first) if first.isdecimal() else -1


def _counts(title: str, figures: dict[str, Any]) -> list[Html]:
    if not figures:
        return []
    rows: list[Row] = [
        [name, "not logged" if value is None else f"{value:,}"] for name, value in figures.items()
    ]
    return [Html(f"<h2>{title}</h2>"), table(["what", "value"], rows)]
