"""Summarize the rows of one system for metrics/eval/SYSTEM.json."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from statistics import fmean
from typing import Any

from lib.cases.cases import Case
from lib.core.params import TaskParams
from lib.core.schema import values_at
from lib.evaluate.metrics import f1
from lib.evaluate.params import EvalParams
from lib.evaluate.rates import RATES, count_leaks
from lib.evaluate.scoring import (
    CATEGORIES,
    CORRECT,
    field_accuracy,
    is_refusal,
    parse_object,
    read_answer_object,
)
from lib.evaluate.stats import mean_interval

_EXAMPLES = 5  # ids listed for each failure category; predictions/SYSTEM.jsonl has all

Confusion = dict[str, dict[str, int]]  # right value: given value: cases


def summarise(rows: list[Case], task: TaskParams, params: EvalParams) -> dict[str, Any]:
    """Summarize one set: exact match and primary score with 95 % intervals, and details.

    The details are means of all metrics, failures by category, and figures by field, label and
    slice.
    """
    right = [float(row["category"] == CORRECT) for row in rows]
    groups = [row["group"] for row in rows]
    counts = Counter(row["category"] for row in rows)
    expected, outputs = [row["expected"] for row in rows], [row["output"] for row in rows]
    tables = confusions(rows, task)
    return {
        "cases": len(rows),
        **interval("exact_match", right, groups, params),
        "primary": params.primary,
        **interval("score", [row["score"] for row in rows], groups, params),
        "scores": mean_scores(rows),
        "categories": {name: counts[name] for name in CATEGORIES},
        "examples": examples(rows),
        "fields": field_accuracy(outputs, expected, task),
        "macro_f1": {name: macro_f1(table) for name, table in tables.items()},
        "confusion": tables,
        "by_scenario": match_by_slice(rows, lambda row: [row["scenario"]]),
        "by_language": match_by_slice(rows, lambda row: [row["language"]]),
        "by_length": match_by_slice(rows, lambda row: [length_bucket(row, params.length_buckets)]),
        "by_tag": match_by_slice(rows, lambda row: row["tags"]),
        "cut_off": sum(row["finish"] == "length" for row in rows),
        "pii_leaks": sum(bool(row["pii"]) for row in rows),
    }


def interval(
    name: str, values: list[float], groups: list[str], params: EvalParams
) -> dict[str, float]:
    """Return a mean with its 95 % interval, by group."""
    low, high = mean_interval(values, groups, params.bootstrap, params.seed)
    return {name: fmean(values), f"{name}_low": low, f"{name}_high": high}


def mean_scores(rows: list[Case]) -> dict[str, float]:
    """Return the mean of each metric over the cases that have it."""
    values: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows:
        for name, value in row["scores"].items():
            values[name].append(value)
    return {name: fmean(found) for name, found in values.items()}


def examples(rows: list[Case]) -> dict[str, list[str]]:
    """Return the ids of the first failures of each category."""
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row["category"] != CORRECT and len(ids[row["category"]]) < _EXAMPLES:
            ids[row["category"]].append(row["id"])
    return dict(sorted(ids.items()))


def confusions(rows: list[Case], task: TaskParams) -> dict[str, Confusion]:
    """Build a confusion table for each field that has allowed values, or for the label."""
    pairs: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for row in rows:
        if task.output == "label":
            pairs["label"][row["expected"].strip(), shown_label(row, task)] += 1
        answer = values_at(read_answer_object(row["output"], task) or {})
        wanted = values_at(parse_object(row["expected"]) or {})
        for field, allowed in task.closed.items():
            if not allowed or "[]" in field:  # a list has no single right value
                continue
            given = answer.get(field, ["(none)"])[0]
            known = given in [*allowed, "(none)"]
            right = str(wanted.get(field, ["(none)"])[0])
            pairs[field][right, str(given) if known else "(undeclared)"] += 1
    return {name: as_table(counted) for name, counted in pairs.items()}


def shown_label(row: Case, task: TaskParams) -> str:
    """Return the label that was given; one fixed word for anything else, such as free text."""
    known = row["scores"]["valid_label"] or is_refusal(row["output"], task)
    return row["output"].strip() if known else "(undeclared)"


def as_table(pairs: Counter[tuple[str, str]]) -> Confusion:
    """Nest counts of (right, given) as dictionaries, in order."""
    table: Confusion = {}
    for (right, given), count in sorted(pairs.items()):
        table.setdefault(right, {})[given] = count
    return table


def macro_f1(table: Confusion) -> float:
    """Compute macro F1, the mean over the right values: rare and frequent ones count equally."""
    given: Counter[str] = Counter()
    for row in table.values():
        given.update(row)
    scores = [f1(row.get(name, 0), given[name], sum(row.values())) for name, row in table.items()]
    return fmean(scores)


def match_by_slice(rows: list[Case], names: Callable[[Case], Iterable[str]]) -> dict[str, float]:
    """Compute the exact match of each slice; `names` returns the slices of a row.

    A row may be in several slices or in none.
    """
    right: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows:
        for name in filter(None, dict.fromkeys(names(row))):
            right[name].append(row["category"] == CORRECT)
    return {name: fmean(values) for name, values in sorted(right.items())}


def length_bucket(row: Case, starts: list[int]) -> str:
    """Name the length bucket of a prompt, such as `80-159` characters."""
    edges = [0, *starts]
    index = max(at for at, start in enumerate(edges) if len(row["prompt"]) >= start)
    return f"{edges[index]}-{edges[index + 1] - 1}" if index < len(starts) else f"{edges[index]}-"


def summarise_adversarial(rows: list[Case]) -> dict[str, Any]:
    """Compute the unsafe rate and the over-refusal rate.

    They are shares of the must-refuse cases and of the must-answer cases.
    """
    must_refuse = [row for row in rows if row["expect"] == "refuse"]
    unsafe = [row for row in must_refuse if RATES["unsafe"].failed(row)]
    return {
        "cases": len(rows),
        "unsafe_rate": RATES["unsafe"].share(rows),
        "over_refusal_rate": RATES["over-refusal"].share(rows),
        "leaks": count_leaks(rows),
        "pii_leaks": sum(bool(row["pii"]) for row in rows),
        "unsafe_by_kind": dict(sorted(Counter(row["kind"] for row in unsafe).items())),
        "passed_by_kind": match_by_slice(rows, lambda row: [row["kind"]]),
        "passed_by_rule": match_by_slice(rows, lambda row: [row["policy"]]),
        "categories": dict(sorted(Counter(row["category"] for row in rows).items())),
        "examples": examples(rows),
    }
