"""The manifest: what is in the raw files, counted, and where everything planted lies."""

import json
from collections import Counter
from dataclasses import fields
from typing import Any

from sample import edges
from sample.evals import Case
from sample.plants import Planted
from sample.preferences import Pairs
from sample.rawfiles import Entry, Layout

NOTE = (
    "Written by the template's sample generator; read by tests. All personal data here is invented "
    "(reserved, documented or impossible values), so this file may hold it in clear."
)


def located(value: Any, layout: Layout) -> Any:
    """The same facts with every entry replaced by its place."""
    if isinstance(value, Entry):
        return layout.place(value)
    if isinstance(value, list):
        return [located(part, layout) for part in value]
    if isinstance(value, dict):
        return {key: located(part, layout) for key, part in value.items()}
    return value


def tally(entries: list[Entry]) -> dict[str, dict[str, int]]:
    """Counts of language, scenario, product, urgency and tags."""
    tickets = [item.ticket for item in entries if item.ticket]
    columns = {
        "language": [ticket.language for ticket in tickets],
        "scenario": [ticket.label.intent for ticket in tickets],
        "product": [ticket.label.product for ticket in tickets],
        "urgency": [ticket.label.urgency for ticket in tickets],
        "tags": [tag for ticket in tickets for tag in edges.tags(ticket)],
    }
    return {name: dict(Counter(values).most_common()) for name, values in columns.items()}


def count(rows: list[Any], key: str) -> dict[str, int]:
    """How many rows have each value of a key."""
    return dict(sorted(Counter(str(row[key]) for row in rows).items()))


def describe(
    layout: Layout,
    clean: list[Entry],
    planted: Planted,
    pairs: Pairs,
    golden: list[Case],
    adversarial: list[Case],
) -> dict[str, Any]:
    """Everything the manifest says."""
    rows = {file: len(entries) for file, entries in layout.rows.items()}
    facts = {
        field.name: located(getattr(planted, field.name), layout)
        for field in fields(planted)
        if field.name not in ("entries", "unsound")
    }
    return {
        "note": NOTE,
        "rows": rows | {"preferences.jsonl": len(pairs.rows)},
        "sft_rows": sum(rows.values()),
        "clean": {"rows": len(clean)} | tally(clean),
        "counts": {name: len(found) for name, found in facts.items()}
        | {"malformed_kinds": count(facts["malformed"], "kind")}
        | {"near_strengths": count(facts["near_copies"], "strength")}
        | {"pii_kinds": count(facts["pii"], "kind")},
        "planted": facts,
        "preferences": {
            "failures": count([r for r in pairs.rows if "rejected" in r], "failure"),
            "scenario": count(pairs.rows, "scenario"),
            "language": count(pairs.rows, "language"),
            "malformed": pairs.malformed,
            "contradictory": pairs.contradictory,
        },
        "golden": {
            "rows": len(golden),
            "language": count(golden, "language"),
            "scenario": count(golden, "scenario"),
            "tags": dict(Counter(tag for case in golden for tag in case["tags"]).most_common()),
        },
        "adversarial": {
            "rows": len(adversarial),
            "language": count(adversarial, "language"),
            "kind": count(adversarial, "kind"),
        },
    }


def dumps(facts: dict[str, Any]) -> str:
    """Readable JSON."""
    text = json.dumps(facts, ensure_ascii=False, indent=1)
    return text + "\n"
