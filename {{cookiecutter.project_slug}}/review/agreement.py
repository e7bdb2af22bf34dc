"""Report how far two annotators agree: Cohen's kappa per field, and the rows they differ on.

reads   A and B (JSONL, CSV, ...: `id`, and the fields of the task or `label`), params.yaml,
        data/curated.jsonl if present, for the masked text of the rows they differ on
writes  reports/agreement.md
"""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lib.core.config import load
from lib.core.params import TaskParams
from lib.core.records import prompt_text, read_records
from lib.curate.params import CurateParams
from lib.intake.cells import Reject, read_name
from lib.intake.formats import read_rows
from lib.pii.redact import Finder, Redactor
from lib.report.markdown import cell, table
from lib.runtime.errors import CommandLine, UserError, run
from lib.runtime.files import atomic_text

_PAGE = Path("reports/agreement.md")
_CURATED = Path("data/curated.jsonl")
NORMAL = 1.959964  # standard deviations each side of a 95 % interval
RECORD_ID = re.compile("[0-9a-f]{16}")
HALF = re.compile(r"[\ud800-\udfff]")  # how read_rows decodes bytes that are not UTF-8

RowLabels = dict[str, dict[str, str]]  # row id -> field -> label
Show = Callable[[str], str]


class Agreement(NamedTuple):
    """The agreement of two annotators in one field."""

    observed: float  # share of rows on which they agree
    kappa: float  # agreement beyond chance; nan if both used the same single label
    low: float  # the 95 % interval of kappa
    high: float


def kappa(pairs: list[tuple[str, str]]) -> Agreement:
    """Compute Cohen's kappa of (first label, second label), with its large-sample interval.

    Cohen (1960); the standard error of Fleiss, Cohen & Everitt (1969), eq. 13.
    """
    names = sorted({label for pair in pairs for label in pair})
    shares = np.zeros((len(names), len(names)))
    for one, other in pairs:
        shares[names.index(one), names.index(other)] += 1 / len(pairs)
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    observed, chance = float(np.trace(shares)), float(rows @ columns)
    if len(names) == 1:  # expected agreement by chance
        return Agreement(observed, float("nan"), float("nan"), float("nan"))
    value = (observed - chance) / (1 - chance)
    agreed = np.sum(np.diag(shares) * (1 - (rows + columns) * (1 - value)) ** 2)
    off = shares - np.diag(np.diag(shares))
    differed = (1 - value) ** 2 * np.sum(off * (columns[:, None] + rows[None, :]) ** 2)
    variance = agreed + differed - (value - chance * (1 - value)) ** 2
    spread = NORMAL * np.sqrt(max(variance, 0) / len(pairs)) / (1 - chance)
    low, high = max(value - spread, -1.0), min(value + spread, 1.0)
    return Agreement(observed, value, float(low), float(high))


def single(pairs: list[tuple[str, str]]) -> bool:
    """Tell whether one of the two used a single label; kappa is then 0, whatever the other said."""
    return min(len({one for one, _ in pairs}), len({other for _, other in pairs})) == 1


def _fields_of(task: TaskParams) -> dict[str, list[str]]:
    """Return the labeled fields with their allowed labels ([]: any)."""
    if task.output == "text":
        raise UserError("params.yaml: task.output is text: free text has no labels to agree on")
    if task.output == "label":
        return {"label": task.labels}
    return {name: allowed for name, allowed in task.closed.items() if "[]" not in name}


def as_records_have_it() -> Show:
    """Return a function that formats an id or a label for a page or an error.

    Personal data is masked as in the records; ids of records are kept.
    """
    pii = load("curate", CurateParams).pii
    redactor = Redactor(Finder(pii.model_copy(update={"key_env": None})))
    return lambda text: cell(text if RECORD_ID.fullmatch(text) else redactor.redact(text))


def read_value(value: Any, name: str, where: str) -> str:
    """Read an id or a label as text; raise UserError for an object or list."""
    try:
        text = read_name([value] if isinstance(value, dict) else value)
    except Reject:
        raise UserError(f"{where}: {name} is not a string; write a string or a number") from None
    if HALF.search(text):
        raise UserError(f"{where}: {name} is not UTF-8; save the file as UTF-8")
    return text


def read_labels(path: Path, fields: dict[str, list[str]], show: Show) -> RowLabels:
    """Read the labels of one annotator; raise UserError for missing or forbidden ones."""
    labels: RowLabels = {}
    for row in read_rows(path):
        where = f"{path}:{row.line}"
        if row.value is None:
            raise UserError(f"{where}: cannot be read ({row.reason}); fix the line")
        values = {name: read_value(row.value.get(name), name, where) for name in ("id", *fields)}
        for name, value in values.items():
            allowed = fields.get(name)
            if not value:
                raise UserError(f"{where}: has no '{name}'; each row needs {', '.join(values)}")
            if allowed and value not in allowed:
                cure = f"allowed are {', '.join(allowed)}"
                raise UserError(f"{where}: {name} is '{show(value)}'; {cure}")
        key = values.pop("id")
        if key in labels:
            raise UserError(f"{where}: the id '{show(key)}' appears twice; keep one of the rows")
        labels[key] = values
    return labels


def agreement_rows(pairs: dict[str, list[tuple[str, str]]]) -> list[list[str]]:
    """Return a row of the first table for each field."""
    rows = []
    for name, labels in pairs.items():
        found = kappa(labels)
        same = sum(one == other for one, other in labels)
        value, interval = f"{found.kappa:.2f}", f"{found.low:.2f} to {found.high:.2f}"
        if np.isnan(found.kappa):
            value, interval = "not defined: both used the same single label", ""
        elif single(labels):
            value, interval = "0.00: one annotator used a single label", ""
        rows.append(
            [cell(name), f"{same} of {len(labels)} ({found.observed:.1%})", value, interval]
        )
    return rows


def case_alone(labels: list[tuple[str, str]]) -> list[str]:
    """List the labels that differ only in case."""
    names = {label for pair in labels for label in pair}
    counts = Counter(map(str.casefold, names))
    return sorted(name for name in names if counts[name.casefold()] > 1)


def confusion(labels: list[tuple[str, str]], show: Show) -> list[str]:
    """Return the confusion table of the labels that were used."""
    names = sorted({label for pair in labels for label in pair})
    counts = Counter(labels)
    rows = [[show(one), *(str(counts[one, other] or "") for other in names)] for one in names]
    return table(["", *map(show, names)], rows)


def texts_by_id() -> dict[str, str]:
    """Read masked texts by record id, if curate has run."""
    if not _CURATED.is_file():
        return {}
    return {record["id"]: prompt_text(record) for record in read_records(_CURATED)}


def agreement_page(
    one: RowLabels, other: RowLabels, names: tuple[str, str], fields: list[str], show: Show
) -> list[str]:
    """Return the lines of the report."""
    common = [key for key in one if key in other]
    if not common:
        raise UserError(f"{names[0]} and {names[1]} have no id in common; label the same rows")
    pairs = {name: [(one[key][name], other[key][name]) for key in common] for name in fields}
    lines = [f"# Label agreement of {names[0]} and {names[1]}", ""]
    lines += [f"{len(common)} rows were labeled by both.", ""]
    for name, mine, theirs in ((names[0], one, other), (names[1], other, one)):
        if alone := [key for key in mine if key not in theirs]:
            lines += [f"Only in {name}, not counted: {', '.join(map(show, alone))}.", ""]
    lines += table(["field", "agree", "Cohen's kappa", "95 % interval"], agreement_rows(pairs))
    for name, labels in pairs.items():
        if alike := ", ".join(map(show, case_alone(labels))):
            lines += ["", f"{name}: labels that differ only in case count as different: {alike}."]
    said = texts_by_id()
    differ = [
        [
            show(key),
            cell(name),
            *map(show, (one[key][name], other[key][name])),
            cell(said.get(key, "")),
        ]
        for key in common
        for name in fields
        if one[key][name] != other[key][name]
    ]
    lines += ["", f"## Where they differ: {len(differ)}", ""]
    lines += table(["id", "field", names[0], names[1], "text"], differ)
    for name, labels in pairs.items():
        lines += [
            "",
            f"## {name}: rows {names[0]}, columns {names[1]}",
            "",
            *confusion(labels, show),
        ]
    return lines


def main() -> None:
    parser = CommandLine("review.agreement", __doc__)
    parser.add_argument("files", nargs=2, type=Path, metavar="LABELS", help="of one annotator")
    paths: list[Path] = parser.parse_args().files
    fields, show = _fields_of(load("task", TaskParams)), as_records_have_it()
    one, other = (read_labels(path, fields, show) for path in paths)
    if paths[0].samefile(paths[1]):
        raise UserError(
            f"{paths[0]} and {paths[1]}: are the same file; name the files of two people"
        )
    # Files of the same name are distinguished by their paths.
    short = {path.name for path in paths}
    names = [path.name if len(short) == 2 else str(path) for path in paths]
    lines = agreement_page(one, other, (cell(names[0]), cell(names[1])), list(fields), show)
    with atomic_text(_PAGE) as file:
        file.write("\n".join(lines) + "\n")
    print("\n".join(lines[: next(at for at, line in enumerate(lines) if line.startswith("## "))]))
    print(f"The rows they differ on: {_PAGE}")


if __name__ == "__main__":
    run(main, arguments=True)
