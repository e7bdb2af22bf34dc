"""Read raw rows of any shape, keep sound ones, mask personal data, account for every row.

reads   the files of data.sources
writes  data/curated.jsonl, data/rejected.jsonl, metrics/curate.json
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from tempfile import TemporaryFile
from typing import Any, NamedTuple, cast

from tqdm import tqdm

from lib.core.config import load
from lib.core.params import BaseParams, TaskParams
from lib.core.records import Record, record_id
from lib.curate.checks import check_difference, check_draft, check_draft_length
from lib.curate.columns import Columns, check_columns
from lib.curate.conflicts import Conflicts
from lib.curate.draft import Draft
from lib.curate.outcome import check_licenses, check_yield, shown_unused
from lib.curate.params import CurateParams, DataParams, Source
from lib.curate.rejected import Rejected, mask_value
from lib.curate.row import Mapping
from lib.curate.shapes import to_draft
from lib.curate.sources import find_files
from lib.curate.tokens import token_counter
from lib.intake.cells import Reject
from lib.intake.formats import read_rows
from lib.intake.ledger import Ledger
from lib.intake.tables import RawRow
from lib.pii.redact import Finder, Redactor
from lib.runtime.errors import UserError, run
from lib.runtime.files import atomic_text, write_json


class Note(NamedTuple):
    """Where a sound record came from, what was changed in it and what was masked."""

    file: str
    line: int
    changes: list[str]
    pii: dict[str, int]


def read_draft(row: RawRow, mapping: Mapping, license: str, task: TaskParams) -> Draft:
    """Turn a row into a draft; raise Reject with the reason where that is impossible."""
    if row.value is None:
        raise Reject(row.reason)
    draft = to_draft(row.value, mapping, task)
    draft.license = draft.license or license
    return draft


def redact(draft: Draft, redactor: Redactor) -> None:
    """Mask personal data in every text of a draft; hash its groups, often customers' names."""
    for turn in draft.prompt:
        turn["content"] = redactor.redact(turn["content"])
        mask_besides(cast(dict[str, Any], turn), redactor)
    draft.chosen = redactor.redact(draft.chosen)
    if draft.rejected is not None:
        draft.rejected = redactor.redact(draft.rejected)
    for besides in draft.beside.values():
        mask_besides(besides, redactor)
    draft.tools = [mask_value(tool, redactor) for tool in draft.tools]
    draft.scenario = redactor.redact(draft.scenario)
    draft.language = redactor.redact(draft.language)  # zh-138-1234-5678 looks like a language code
    draft.tags = [redactor.redact(tag) for tag in draft.tags]
    draft.groups = [redactor.hide(group) for group in draft.groups]


def mask_besides(turn: dict[str, Any], redactor: Redactor) -> None:
    """Mask what a turn has besides its text: its thought, and the arguments of its calls."""
    if "reasoning_content" in turn:
        turn["reasoning_content"] = redactor.redact(turn["reasoning_content"])
    for call in turn.get("tool_calls", []):
        call["function"] = mask_value(call["function"], redactor)


def to_record(draft: Draft, source: str, split: str | None) -> Record:
    """Turn a checked and masked draft into a record."""
    record: Any = {"id": ""}
    if draft.rejected is None:
        record["messages"] = [*draft.prompt, draft.turn("chosen")]
    else:
        record["prompt"] = draft.prompt
        for side in ("chosen", "rejected"):  # a turn, where it is more than a text
            record[side] = draft.turn(side) if side in draft.beside else getattr(draft, side)
    record |= {"tools": draft.tools} if draft.tools else {}
    record["id"] = record_id(record)
    return record | {
        "scenario": draft.scenario,
        "language": draft.language,
        "tags": draft.tags,
        "groups": draft.groups or [record["id"]],
        "source": source,
        "license": draft.license,
        "split": split,
    }


def read_sources(
    sources: list[Source], out: Rejected
) -> Iterator[tuple[Source, Mapping, str, RawRow]]:
    """Yield every row of every source, with its file, and enter it in the ledger."""
    files = find_files(sources)
    with tqdm(
        desc="curate", unit=" rows", delay=2, mininterval=1, leave=False, disable=None
    ) as progress:
        for source, paths in files:
            columns, mapping = Columns(source), Mapping(source.columns, source.ignore)
            for path in paths:
                for row in read_rows(path):
                    progress.update()
                    out.ledger.enter(path.as_posix())
                    columns.see(row.value or {})
                    yield source, mapping, path.as_posix(), row
            columns.check(out.finder)
            for path in paths:
                check_yield(path.as_posix(), out)


def sound(
    sources: list[Source], task: TaskParams, params: CurateParams, base: BaseParams, out: Rejected
) -> Iterator[tuple[Note, Record]]:
    """Yield every sound record of every source; pass the other rows to `out`."""
    count = token_counter(base)
    for source, mapping, file, row in read_sources(sources, out):
        redactor = Redactor(out.finder)
        try:
            draft = read_draft(row, mapping, source.license, task)
            check_draft(draft, task, params, count)
            redact(draft, redactor)
            if redactor.found:  # a placeholder may be longer than what it stands for, or the same
                check_draft_length(draft, params, count)
                check_difference(draft)
        except Reject as reason:
            out.add(file, row.line, str(reason), row.raw or row.value, reason.found)
            continue
        if draft.unread:
            out.ledger.account(file).unused.update(draft.unread)
        note = Note(file, row.line, sorted(draft.changes), redactor.found)
        yield note, to_record(draft, file, source.split)


def agreeing(
    records: Iterable[tuple[Note, Record]], task: TaskParams, out: Rejected
) -> Iterator[tuple[Note, str]]:
    """Yield the records that no other contradicts, as lines of JSON; pass the others to `out`.

    Contradictions are known only after the last record; until then all wait in a temporary file.
    """
    conflicts = Conflicts(one_answer=task.output != "text")
    with TemporaryFile("w+", encoding="utf-8", newline="\n", dir="data") as waiting:
        for note, record in records:
            conflicts.add(record, note.line)
            waiting.write(f"{json.dumps(note)}\t{json.dumps(record, ensure_ascii=False)}\n")
        waiting.seek(0)
        for both, other in zip(waiting, conflicts.find(), strict=True):
            head, line = both.split("\t")  # JSON escapes tabs
            note = Note(*json.loads(head))
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
    changed, pii = Counter[str](), Counter[str]()
    with atomic_text("data/rejected.jsonl") as gone, atomic_text("data/curated.jsonl") as kept:
        rejected = Rejected(gone, ledger, Finder(params.pii))
        for note, line in agreeing(sound(sources, task, params, base, rejected), task, rejected):
            kept.write(line)
            ledger.keep(note.file)
            changed.update(note.changes)
            pii.update(note.pii)
        check_licenses(ledger, params.licenses)
        extra = {"changed": dict(sorted(changed.items())), "pii": dict(sorted(pii.items()))}
        unused = shown_unused(ledger, rejected.finder)
        write_json("metrics/curate.json", ledger.close() | extra | {"unused": unused})
    print(ledger.summary("curate"))
    for file, columns in unused.items():
        named = ", ".join(f"{name} ({count:,} rows)" for name, count in columns.items())
        print(f"{file}: not used: {named}")
    if not ledger.total().rows_kept:
        raise UserError(
            "curate: no row is kept; data/rejected.jsonl says why each was dropped (a license must "
            "be one of curate.licenses, a language one of curate.languages); correct params.yaml "
            "or the data"
        )


if __name__ == "__main__":
    run(main)
