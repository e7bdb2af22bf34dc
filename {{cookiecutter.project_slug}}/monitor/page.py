"""The report of a window as one self-contained HTML page: no script, nothing is loaded."""

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from typing import Any

MOST_VALUES = 12  # of a distribution that are shown
TITLES = {
    "pass": "No alarm",
    "alarm": "Alarm",
    "inconclusive": "Too few requests to tell",
}
STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}
h1{margin:0 0 .3rem}h2{margin:2.2rem 0 .6rem}
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .7rem .3rem 0;text-align:left;
border-bottom:1px solid #ddd;vertical-align:top}td.n,th.n{text-align:right;white-space:nowrap}
.badge{display:inline-block;padding:.1rem .6rem;border-radius:.3rem;color:#fff;font-weight:600}
.pass{background:#00704f}.alarm{background:#b3261e}.inconclusive{background:#8a6100}
tr.fired{background:#fdeceb}
pre{white-space:pre-wrap;margin:.2rem 0;background:#f5f5f5;padding:.5rem;
overflow-wrap:anywhere}.bar{display:inline-block;height:.7rem;background:#0072b2;
vertical-align:middle}.then{background:#e69f00}.grid{display:grid;gap:0 2.5rem;
grid-template-columns:repeat(auto-fit,minmax(24rem,1fr))}.small{color:#555;font-size:.9rem}
"""


def page(rows: dict[str, Any]) -> str:
    """The page of what reports/monitor/<window>.json holds."""
    title = f"Monitor {rows['window']}"
    body = [
        f"<h1>{TITLES[rows['verdict']]} <span class='badge {rows['verdict']}'>{rows['verdict']}"
        "</span></h1>",
        f"<p>{rows['requests']:,} requests, {escape(rows['window'].replace('_', ' to '))} UTC, "
        f"against the release <b>{escape(rows['release'])}</b>. What to do: docs/runbook.md, under "
        "the name of the alarm.</p>",
        *_checks(rows["checks"]),
        *_incidents(rows),
        *_distributions(rows["distributions"]),
        *_serving(rows),
        *_left_out(rows),
    ]
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>"
        "<meta name='viewport' content='width=device-width'>"
        f"<style>{STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _table(head: list[str], rows: Iterable[tuple[str, list[str]]]) -> str:
    """A table of (class of the row, cells already escaped); cells of numbers stand right."""
    ranks = [" class='n'" if name.startswith("#") else "" for name in head]
    names = "".join(
        f"<th{rank}>{name.lstrip('#')}</th>" for name, rank in zip(head, ranks, strict=True)
    )
    lines = [
        f"<tr class='{kind}'>"
        + "".join(f"<td{rank}>{cell}</td>" for cell, rank in zip(cells, ranks, strict=True))
        + "</tr>"
        for kind, cells in rows
    ]
    return f"<table><thead><tr>{names}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _checks(checks: list[dict[str, Any]]) -> list[str]:
    ranked = sorted(checks, key=lambda check: (not check["fired"], check["kind"], check["p"]))
    rows = [("fired" if check["fired"] else "", _check(check)) for check in ranked]
    return [
        "<h2>Checks</h2>",
        _table(["alarm", "subject", "#now", "#release or limit", "#p, corrected", ""], rows),
        "<p class='small'>shift: the share of requests that would have to be others for the "
        "distribution to be the release's. p: the probability of as much by chance, corrected for "
        "the number of checks.</p>",
    ]


def _check(check: dict[str, Any]) -> list[str]:
    kind, now, then = check["kind"], check["now"], check["then"]
    values = [f"{now:.0f}", f"at most {then:.0f}", ""]
    if kind != "incident":
        beside = {"rise": f"{then:.2%}", "limit": f"at most {then:.0%}", "shift": "0"}[kind]
        values = [f"{now:.2%}", beside, f"{check['p']:.2g}"]
    word = "<span class='badge alarm'>alarm</span>" if check["fired"] else "ok"
    return [escape(check["alarm"]), escape(check["subject"]), *values, word]


def _incidents(rows: dict[str, Any]) -> list[str]:
    counts = rows["incident_counts"]
    if not rows["incidents"]:
        return ["<h2>Incidents</h2><p>None.</p>"]
    shown = [
        (
            "",
            [
                escape(one["kind"]),
                f"{clock(one['time'])}<br><span class='small'>{escape(one['request_id'])}</span>",
                f"{escape(one['why'])}<pre>{escape(one['prompt'])}</pre>"
                f"<pre>{escape(one['answer'])}</pre>",
            ],
        )
        for one in rows["incidents"]
    ]
    total = ", ".join(f"{kind} {count:,}" for kind, count in counts.items() if count)
    return [
        f"<h2>Incidents</h2><p>{escape(total)}. Personal data and secrets are masked.</p>",
        _table(["kind", "time, UTC", "evidence: why, request, answer"], shown),
    ]


def clock(time: float) -> str:
    """A time as people read it."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _distributions(spreads: dict[str, dict[str, dict[str, int]]]) -> list[str]:
    parts = ["<h2>Distributions</h2><p>Blue: this window, orange: the release.</p>"]
    parts.append("<div class='grid'>")
    for name, both in spreads.items():
        now, then = (shares(both[side]) for side in ("now", "then"))
        values = sorted(now.keys() | then.keys(), key=lambda one: (order(one), one))
        values.sort(key=lambda one: -max(now.get(one, 0), then.get(one, 0)))
        kept = sorted(values[:MOST_VALUES], key=lambda one: (order(one), one))
        rows = [
            ("", [escape(one), _bars(now.get(one, 0), then.get(one, 0)),
                  f"{now.get(one, 0):.1%}", f"{then.get(one, 0):.1%}"])
            for one in kept
        ]  # fmt: skip
        more = f", the {MOST_VALUES} most frequent" if len(values) > MOST_VALUES else ""
        table = _table([escape(name), "", "#now", "#release"], rows)
        parts.append(f"<div><h3>{escape(name)}{more}</h3>{table}</div>")
    return [*parts, "</div>"]


def shares(counts: dict[str, int]) -> dict[str, float]:
    """Counts as shares of their sum."""
    total = sum(counts.values()) or 1
    return {name: count / total for name, count in counts.items()}


def order(value: str) -> int:
    """Bins of lengths stand in the order of their numbers, other values in the alphabet's."""
    first = value.partition("-")[0]
    return int(first) if first.isdecimal() else -1


def _bars(now: float, then: float) -> str:
    return (
        f"<span class='bar' style='width:{7 * now:.2f}rem'></span><br>"
        f"<span class='bar then' style='width:{7 * then:.2f}rem'></span>"
    )


def _serving(rows: dict[str, Any]) -> list[str]:
    figures = rows["latency_ms"] | rows["cost"]
    cells = [
        ("", [escape(name), "not logged" if value is None else f"{value:,}"])
        for name, value in figures.items()
    ]
    models = [("", [escape(name), f"{count:,}"]) for name, count in rows["models"].items()]
    return [
        "<h2>Latency (ms) and cost</h2>",
        _table(["what", "#value"], cells),
        "<h2>Models</h2>",
        _table(["model", "#requests"], models),
    ]


def _left_out(rows: dict[str, Any]) -> list[str]:
    if not rows["skipped"]:
        return []
    cells = [("", [escape(why), f"{count:,}"]) for why, count in rows["skipped"].items()]
    return ["<h2>Left out</h2>", _table(["reason", "#lines"], cells)]
