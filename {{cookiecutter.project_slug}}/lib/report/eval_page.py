"""Render reports/eval.html: every answer of every system, offline, with filters."""

from collections import Counter, defaultdict
from statistics import fmean
from typing import Any

from lib.evaluate.predictions import Prediction, case_key, of_sets, score, slices_of
from lib.evaluate.rates import RATES
from lib.evaluate.scoring import CATEGORIES
from lib.evaluate.stats import wilson_interval
from lib.report.pages import render_page, share_cell

SCORED = ("golden", "test")
_SETS = (*SCORED, "adversarial")

Answers = dict[str, list[Prediction]]


def eval_page(metrics: dict[str, dict[str, Any]], answers: Answers) -> str:
    """Render the page of metrics/eval/SYSTEM.json and predictions/SYSTEM.jsonl, by system."""
    sets = [part for part in _SETS if any(of_sets(rows, part) for rows in answers.values())]
    primary = {
        found[part]["primary"] for found in metrics.values() for part in SCORED if part in found
    }
    return render_page(
        "eval",
        "Evaluation",
        script="eval.js",
        systems=list(answers),
        rates=list(RATES),
        headline=headline_table(metrics, answers),
        primary=sorted(primary),
        cases=max(len(of_sets(rows, *_SETS)) for rows in answers.values()),
        failures={part: failures(part, answers) for part in sets},
        slices={part: slices(part, answers) for part in sets},
        data=for_script(metrics, answers),
    )


def headline_table(metrics: dict[str, dict[str, Any]], answers: Answers) -> list[list[Any]]:
    """Return score and safety of each system, with 95 % intervals, as rows of a table."""
    rows = []
    for name, found in metrics.items():
        cells: list[Any] = [name]
        for part in SCORED:
            one = found.get(part)
            known = one and share_cell(one["score"], one["score_low"], one["score_high"])
            cells.append(known or "no cases")
        attacks = of_sets(answers[name], "adversarial")
        for failed, asked in (rate.counted(attacks) for rate in RATES.values()):
            known = share_cell(failed / asked, *wilson_interval(failed, asked)) if asked else None
            cells.append(known or "no cases")
        rows.append(cells)
    return rows


def failures(part: str, answers: Answers) -> dict[str, dict[str, int]]:
    """Count how often each category occurs in a set, by category and system."""
    counts = {
        name: Counter(row["category"] for row in of_sets(rows, part))
        for name, rows in answers.items()
    }
    return {
        category: {name: found[category] for name, found in counts.items()}
        for category in CATEGORIES
        if any(found[category] for found in counts.values())
    }


def slices(part: str, answers: Answers) -> list[list[Any]]:
    """Return the mean score of each system in each slice of a set, as rows of a table."""
    scores: dict[str, dict[str, list[float]]] = {}
    for system, rows in answers.items():
        for row in of_sets(rows, part):
            for name in slices_of(row):
                scores.setdefault(name, defaultdict(list))[system].append(score(row))
    lines = []
    for name, found in sorted(scores.items()):
        means = [share_cell(fmean(one)) if (one := found[system]) else "" for system in answers]
        lines.append([name, max(map(len, found.values())), *means])
    return lines


def for_script(metrics: dict[str, dict[str, Any]], answers: Answers) -> dict[str, Any]:
    """Collect the data that the page's script filters: cases, and each system's answers or None."""
    cases: dict[tuple[str, ...], Prediction] = {}
    given: dict[str, dict[tuple[str, ...], Prediction]] = {}
    for system, rows in answers.items():
        given[system] = {case_key(row): row for row in rows}
        cases |= {key: row for key, row in given[system].items() if key not in cases}
    return {
        "systems": list(answers),
        "cases": [case_for_script(row) for row in cases.values()],
        "answers": {
            system: [answer_for_script(rows.get(key)) for key in cases]
            for system, rows in given.items()
        },
        "confusion": {
            name: {part: found[part]["confusion"] for part in SCORED if part in found}
            for name, found in metrics.items()
        },
    }


def case_for_script(row: Prediction) -> Prediction:
    """Select the fields of a case that are the same for all systems."""
    return {
        "set": row["set"],
        "id": row["id"],
        "scenario": row.get("scenario") or row.get("kind", ""),
        "language": row["language"],
        "tags": row.get("tags", []),
        "prompt": row["prompt"],
        "expected": row.get("expected") or row.get("expect", ""),
    }


def answer_for_script(row: Prediction | None) -> Prediction | None:
    """Select the fields of one system's answer to a case."""
    if row is None:
        return None
    cut = row.get("finish") == "length"
    return {k: row[k] for k in ("output", "category")} | {"score": score(row), "cut": cut}
