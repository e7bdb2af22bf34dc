"""Compare all but the answers of two versions: cases, scoring, params, leakage, speed, loss."""

import json
from collections import defaultdict
from typing import Any

from lib.release.cost import busiest
from lib.report.markdown import cell, table
from review.text import sparkline
from review.versions import Version

# What decides the score of an answer, in params.yaml and code.
SCORED_BY = (
    *("task.output", "task.fields", "task.schema", "task.lenient", "task.labels", "task.refusal"),
    *("eval.primary", "eval.checks", "eval.canaries", "eval.safety", "curate.pii"),
)
SCORERS = [
    *(f"lib/evaluate/{name}.py" for name in ("metrics", "own", "rows", "safety", "scoring")),
    *("lib/cases/leaks.py", "lib/curate/boilerplate.py", "lib/pii/redact.py", "lib/core/text.py"),
    "lib/core/schema.py",
]
_SERVED = ("tuned", "quantized", "served")
_FIGURES = ("ttft_ms_p95", "e2e_ms_p95", "output_tokens_per_s", "requests_per_s")
LOSSES = {"train": "plots/train.json", "validation": "plots/val.json"}


def flatten(value: Any, at: str = "") -> dict[str, Any]:
    """Flatten nested mappings to dotted keys; a list is one value."""
    if not isinstance(value, dict):
        return {at: value}
    found: dict[str, Any] = {}
    for key, inner in value.items():
        found |= flatten(inner, f"{at}.{key}" if at else str(key))
    return found


def params_section(new: Version, old: Version) -> list[str]:
    """Write every key of params.yaml with a changed value."""
    now, before = (flatten(version.yaml("params.yaml")) for version in (new, old))
    rows = [
        [f"`{key}`", *(shown(found, key) for found in (before, now))]
        for key in [*now, *(key for key in before if key not in now)]
        if key not in now or key not in before or now[key] != before[key]
    ]
    return table(["key", "before", "now"], rows) if rows else ["None."]


def shown(params: dict[str, Any], key: str) -> str:
    """Format a value as YAML, on one line."""
    if key not in params:
        return "not there"
    return cell(json.dumps(params[key], ensure_ascii=False, default=str), 100)


def leakage_compared(new: Version, old: Version) -> list[str]:
    """Write what the leakage check of the split stage found."""
    rows = []
    for name, version in (("before", old), ("now", new)):
        check = version.json("reports/leakage.json")
        if not check:
            rows.append([name, "no leakage check", "", ""])
            continue
        sizes = ", ".join(
            f"{cell(path)} {one['rows']:,}" for path, one in check["compared"].items()
        )
        rows.append([name, str(check["leaks"]), str(check["threshold"]), sizes])
    return table(["version", "leaks", "from similarity", "rows compared"], rows)


def bench_section(new: Version, old: Version) -> list[str]:
    """Write speed at the highest load, and size."""
    now, before = (version.json("metrics/bench.json") or {} for version in (new, old))
    rows = []
    for system in _SERVED:
        figures = [bench_figures(bench, system) for bench in (before, now)]
        for name in figures[1]:
            values = [found.get(name) for found in figures]
            rows.append([system, name, *map(shown_number, values), relative(*values)])
    if not rows:
        return ["Not measured."]
    said = "At the highest load of bench. Timings depend on the machine they were measured on."
    return [*table(["model", "figure", "before", "now", "change"], rows), "", said]


def bench_figures(bench: dict[str, Any], system: str) -> dict[str, float]:
    """Return size, and the figures shown for the highest load."""
    if system not in bench:
        return {}
    load = busiest(bench, system) or {}
    size = {"MB": bench[system]["bytes"] / 1e6} if "bytes" in bench[system] else {}
    return size | {name: load[name] for name in _FIGURES if name in load}


def shown_number(value: float | None) -> str:
    """Format a figure, or a word if it is missing."""
    return "none" if value is None else f"{value:,.1f}"


def relative(before: float | None, now: float | None) -> str:
    """Format the change in percent."""
    if not before or now is None:
        return ""
    return f"{100 * (now - before) / before:+.0f} %"


def loss_section(new: Version, old: Version) -> list[str]:
    """Write the loss curves of both trainings, on one scale."""
    rows = []
    for name, path in LOSSES.items():
        curves = {
            title: _losses(version, path) for title, version in (("before", old), ("now", new))
        }
        both = [value for curve in curves.values() for value in curve]
        for title, curve in curves.items():
            if curve:
                line = f"`{sparkline(curve, min(both), max(both))}`"
                rows.append([name, title, line, f"{curve[0]:.3f}", f"{curve[-1]:.3f}"])
    return table(["loss", "version", "curve", "first", "last"], rows) if rows else ["None stored."]


def _losses(version: Version, path: str) -> list[float]:
    """Read the losses of a plot, by step."""
    return [row["loss"] for row in version.json(path) or [] if "loss" in row]


def cases_change(new: Version, old: Version, path: str) -> str:
    """Say how a file of evals/ differs; "" if it does not."""
    now, before = (read_version_cases(version, path) for version in (new, old))
    if now == before:
        return ""
    added, removed = len(now.keys() - before.keys()), len(before.keys() - now.keys())
    changed = sum(now[key] != before[key] for key in now.keys() & before.keys())
    return f"{added} cases added, {removed} removed, {changed} changed"


def read_version_cases(version: Version, path: str) -> dict[str, list[str]]:
    """Read the lines of a file of cases by id."""
    found = defaultdict(list)
    for line in version.lines(path) or ():
        if case := line.strip():
            found[id_of(case)].append(case)
    return found


def id_of(case: str) -> str:
    """Return the id of a line; the line itself if it has none, as possible in other commits."""
    try:
        return str(json.loads(case)["id"])
    except (ValueError, LookupError, TypeError):
        return case


def scoring_change(new: Version, old: Version) -> list[str]:
    """List the changed keys of params.yaml and files of code that decide scores."""
    now, before = (flatten(version.yaml("params.yaml")) for version in (new, old))
    changed = (key for key in now | before if now.get(key) != before.get(key))
    keys = [key for key in changed if key.startswith(SCORED_BY)]
    return [*keys, *(path for path in SCORERS if new.text(path) != old.text(path))]
