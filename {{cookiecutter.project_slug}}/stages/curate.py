"""Read raw rows of any shape, drop bad ones, mask personal data, and account for every row.

reads   the files of data.sources
writes  data/curated.jsonl, data/rejected.jsonl, metrics/curate.json
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile

import orjson

from lib.core.config import load
from lib.core.params import BaseParams, TaskParams
from lib.curate.columns import ColumnWatch, check_columns
from lib.curate.conflicts import Conflicts
from lib.curate.curator import Curated, Curator, Note, Part
from lib.curate.habits import habit_lines
from lib.curate.labels import Labels
from lib.curate.outcome import check_licenses, check_yield, no_rows, shown_unused
from lib.curate.params import CurateParams, DataParams, Source
from lib.curate.rejected import Rejected, mask_value
from lib.curate.sources import find_files
from lib.intake.formats import read_parts
from lib.intake.ledger import Ledger
from lib.pii.redact import Finder, Redactor
from lib.runtime.errors import run
from lib.runtime.files import atomic_text, write_json
from lib.runtime.pool import pool
from lib.runtime.progress import tell_progress


def curate_sources(
    sources: list[Source], curated: Callable[[Iterable[Part]], Iterator[Curated]], out: Rejected
) -> Iterator[Curated]:
    """Yield the curated parts of every source, in order; count their rows in the ledger.

    Raises UserError for a mapped column that no row has, and for a file without a row that can be
    kept.
    """
    with tell_progress("curate", unit="row") as progress:
        for source, paths in find_files(sources):
            columns = ColumnWatch(source)
            for done in curated(_parts_of(source, paths)):
                progress.update(done.ledger.total().rows_in)
                columns.take(done.columns)
                out.take(done.ledger, done.first, done.dropped)
                yield done
            columns.check(out.finder)
            for path in paths:
                check_yield(path.as_posix(), out)


def _parts_of(source: Source, paths: list[Path]) -> Iterator[Part]:
    """Yield the parts of the files of a source."""
    for path in paths:
        for rows in read_parts(path):
            yield Part(source, path.as_posix(), rows)


def agreeing(
    parts: Iterable[Curated], task: TaskParams, out: Rejected
) -> Iterator[tuple[Note, str]]:
    """Yield the records without contradictions, as lines of JSON; pass the others to `out`.

    Contradictions are known only after the last record; until then records are in a temporary file.
    """
    conflicts = Conflicts(one_answer=task.output != "text")
    with TemporaryFile("w+", encoding="utf-8", newline="\n", dir="data") as waiting:
        for part in parts:
            conflicts.take(part.conflicts)
            waiting.write(part.sound)
        waiting.seek(0)
        for both, other in zip(waiting, conflicts.find(), strict=True):
            head, line = both.split("\t")  # JSON escapes tabs
            note = Note(*orjson.loads(head))
            if other:
                said = (f"contradicts {other}",)
                out.add(note.file, note.line, "conflicting_label", json.loads(line), said)
            else:
                yield note, line


def main() -> None:
    """Run the stage."""
    task = load("task", TaskParams)
    base = load("base", BaseParams)
    sources = load("data", DataParams).sources
    params = load("curate", CurateParams)
    check_columns(sources, task)
    ledger = Ledger()
    changed, pii, labels = Counter[str](), Counter[str](), Labels()
    defined_by_data = task.output == "label" and not task.labels
    with (
        atomic_text("data/rejected.jsonl") as gone,
        atomic_text("data/curated.jsonl") as kept,
        pool(params.processes, partial(Curator, task, base, params)) as curated,
    ):
        rejected = Rejected(gone, ledger, Finder(params.pii))
        for note, line in agreeing(curate_sources(sources, curated, rejected), task, rejected):
            kept.write(line)
            ledger.keep(note.file)
            if note.changes or note.pii:
                changed.update(note.changes)
                pii.update(note.pii)
            if defined_by_data:
                labels.seen[json.loads(line)["scenario"]] += 1
        check_licenses(ledger, params.licenses)
        extra = {"changed": dict(sorted(changed.items())), "pii": dict(sorted(pii.items()))}
        unused = shown_unused(ledger, rejected.finder)
        write_json("metrics/curate.json", ledger.close() | extra | {"unused": unused})
    print(ledger.summary("curate"))
    for file, columns in unused.items():
        named = ", ".join(f"{name} ({count:,} rows)" for name, count in columns.items())
        print(f"{file}: not used: {named}")
    for file, account in ledger.accounts.items():
        for line in habit_lines(file, account.habits):
            print(mask_value(line, Redactor(rejected.finder)))
    for warning in labels.warnings():
        print(warning, file=sys.stderr)
    if not ledger.total().rows_kept:
        raise no_rows(ledger)


if __name__ == "__main__":
    run(main)
