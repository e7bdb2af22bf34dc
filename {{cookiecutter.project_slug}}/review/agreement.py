"""How far two annotators agree: Cohen's kappa of each field, and every row they differ on.

usage   python -m review.agreement A B
reads   A and B (JSONL, CSV, ...: `id`, and the fields of the task or `label`), params.yaml,
        data/curated.jsonl where it is there, for the masked text of the rows they differ on
writes  reports/agreement.md
"""

import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lib.config import load
from lib.errors import UserError, run
from lib.files import atomic_text
from lib.intake.formats import read_rows
from lib.markdown import cell, table
from lib.params.task import TaskParams
from lib.records import prompt_text, read_records

PAGE = Path("reports/agreement.md")
CURATED = Path("data/curated.jsonl")
NORMAL = 1.959964  # standard deviations each side of a 95 % interval

Labels = dict[str, dict[str, str]]  # row id -> field -> label


class Agreement(NamedTuple):
    """Of two annotators in one field."""

    observed: float  # share of the rows on which they agree
    kappa: float  # how far above chance; nan where one of them used a single label only
    low: float  # the 95 % interval of kappa
    high: float


def kappa(pairs: list[tuple[str, str]]) -> Agreement:
    """Cohen's kappa of (first label, second label), with its large-sample interval.

    Cohen (1960); the standard error of Fleiss, Cohen & Everitt (1969), eq. 13.
    """
    names = sorted({label for pair in pairs for label in pair})
    shares = np.zeros((len(names), len(names)))
    for one, other in pairs:
        shares[names.index(one), names.index(other)] += 1 / len(pairs)
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    observed, chance = float(np.trace(shares)), float(rows @ columns)
    if min(np.count_nonzero(rows), np.count_nonzero(columns)) == 1:  # 0 whatever the other said
        return Agreement(observed, float("nan"), float("nan"), float("nan"))
    value = (observed - chance) / (1 - chance)
    agreed = np.sum(np.diag(shares) * (1 - (rows + columns) * (1 - value)) ** 2)
    off = shares - np.diag(np.diag(shares))
    differed = (1 - value) ** 2 * np.sum(off * (columns[:, None] + rows[None, :]) ** 2)
    variance = agreed + differed - (value - chance * (1 - value)) ** 2
    spread = NORMAL * np.sqrt(max(variance, 0) / len(pairs)) / (1 - chance)
    low, high = max(value - spread, -1.0), min(value + spread, 1.0)
    return Agreement(observed, value, float(low), float(high))


def fields_of(task: TaskParams) -> dict[str, list[str]]:
    """What is labelled, and the allowed labels ([]: any)."""
    if task.output == "text":
        raise UserError("params.yaml: task.output is text: free text has no labels to agree on")
    return task.fields if task.output == "json" else {"label": task.labels}


def read_labels(path: Path, fields: dict[str, list[str]]) -> Labels:
    """The labels of one annotator; whatever is missing or not allowed is a UserError."""
    labels: Labels = {}
    for row in read_rows(path):
        where = f"{path}:{row.line}"
        if row.value is None:
            raise UserError(f"{where}: cannot be read ({row.reason}); mend the line")
        cells = {name: row.value.get(name) for name in ("id", *fields)}
        values = {name: "" if one is None else str(one).strip() for name, one in cells.items()}
        for name, value in values.items():
            allowed = fields.get(name)
            if not value:
                raise UserError(f"{where}: has no '{name}'; each row needs {', '.join(values)}")
            if allowed and value not in allowed:
                cure = f"allowed are {', '.join(allowed)}"
                raise UserError(f"{where}: {name} is '{cell(value)}'; {cure}")
        key = values.pop("id")
        if key in labels:
            raise UserError(f"{where}: the id '{cell(key)}' is there twice; keep one of the rows")
        labels[key] = values
    return labels


def agreement_rows(pairs: dict[str, list[tuple[str, str]]]) -> list[list[str]]:
    """A row of the first table for each field."""
    rows = []
    for name, labels in pairs.items():
        found = kappa(labels)
        same = sum(one == other for one, other in labels)
        value, interval = f"{found.kappa:.2f}", f"{found.low:.2f} to {found.high:.2f}"
        if np.isnan(found.kappa):
            value, interval = "not defined: one annotator used a single label", ""
        rows.append([name, f"{same} of {len(labels)} ({found.observed:.1%})", value, interval])
    return rows


def confusion(labels: list[tuple[str, str]]) -> list[str]:
    """A table of who said what, of the labels that were used."""
    names = sorted({label for pair in labels for label in pair})
    counts = Counter(labels)
    rows = [[cell(one), *(str(counts[one, other] or "") for other in names)] for one in names]
    return table(["", *map(cell, names)], rows)


def texts() -> dict[str, str]:
    """Masked text by record id, where curate has run."""
    if not CURATED.is_file():
        return {}
    return {record["id"]: prompt_text(record) for record in read_records(CURATED)}


def page(one: Labels, other: Labels, names: tuple[str, str], fields: list[str]) -> list[str]:
    """The whole report, a line an item."""
    common = [key for key in one if key in other]
    if not common:
        raise UserError(f"{names[0]} and {names[1]} have no id in common; label the same rows")
    pairs = {name: [(one[key][name], other[key][name]) for key in common] for name in fields}
    lines = [f"# Label agreement of {names[0]} and {names[1]}", ""]
    lines += [f"{len(common)} rows were labelled by both.", ""]
    for name, mine, theirs in ((names[0], one, other), (names[1], other, one)):
        if alone := [key for key in mine if key not in theirs]:
            lines += [f"Only in {name}, not counted: {', '.join(map(cell, alone))}.", ""]
    lines += table(["field", "agree", "Cohen's kappa", "95 % interval"], agreement_rows(pairs))
    said = texts()
    differ = [
        [cell(key), name, one[key][name], other[key][name], cell(said.get(key, ""))]
        for key in common
        for name in fields
        if one[key][name] != other[key][name]
    ]
    lines += ["", f"## Where they differ: {len(differ)}", ""]
    lines += table(["id", "field", names[0], names[1], "text"], differ)
    for name, labels in pairs.items():
        lines += ["", f"## {name}: rows {names[0]}, columns {names[1]}", "", *confusion(labels)]
    return lines


def main() -> None:
    if len(sys.argv) != 3:
        raise UserError("usage: python -m review.agreement A.jsonl B.jsonl")
    paths = [Path(name) for name in sys.argv[1:]]
    fields = fields_of(load("task", TaskParams))
    one, other = (read_labels(path, fields) for path in paths)
    # Two files of one name in two folders are told apart by their paths.
    short = {path.name for path in paths}
    names = [path.name if len(short) == 2 else str(path) for path in paths]
    lines = page(one, other, (names[0], names[1]), list(fields))
    with atomic_text(PAGE) as file:
        file.write("\n".join(lines) + "\n")
    print("\n".join(lines[: next(at for at, line in enumerate(lines) if line.startswith("## "))]))
    print(f"The rows they differ on: {PAGE}")


if __name__ == "__main__":
    run(main)
