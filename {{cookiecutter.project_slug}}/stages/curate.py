"""Read raw rows of any shape, keep sound ones, mask personal data, account for every row.

reads   the files of data.sources
writes  data/curated.jsonl, data/rejected.jsonl, metrics/curate.json
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from tempfile import TemporaryFile
from typing import Any, NamedTuple

from tqdm import tqdm

from lib.core.config import load
from lib.core.params import BaseParams, TaskParams
from lib.core.records import Record, record_id
from lib.curate.checks import check_difference, check_draft, check_draft_length
from lib.curate.columns import MOST_NAMES, Columns, check_columns
from lib.curate.conflicts import Conflicts
from lib.curate.draft import Draft
from lib.curate.params import CurateParams, DataParams, Source
from lib.curate.rejected import Rejected, mask_value
from lib.curate.row import Mapping
from lib.curate.shapes import to_draft
from lib.curate.sources import find_files
from lib.curate.tokens import token_counter
from lib.intake.cells import Reject
from lib.intake.formats import RawRow, read_rows
from lib.intake.ledger import Ledger
from lib.pii.redact import Finder, Redactor
from lib.runtime.errors import UserError, run
from lib.runtime.files import atomic_text, write_json

OWN_FAULTS = {  # of a row, which no configuration can correct
    *("secret", "empty", "too_short", "too_long", "damaged_text", "mojibake"),
    *("unfilled_template", "boilerplate", "pair_without_difference", "license"),
}

CURE = (
    "correct the file, or in params.yaml map its columns with data.sources columns, or let task "
    "say what its answers are (docs/data.md has the shapes)"
)
IGNORE = "or, where it is not to be learnt from, name it in ignore: [COLUMN] of its source"
CURES = {  # of rows that have a column or key which nothing reads and which could not be left out
    "verdict": "a column judges the answers; map it, columns: {label: COLUMN} (true or false, 1 or "
    f"0, good or bad), take out what is no use, {IGNORE}",
    "unread_input": "a column may belong to what is asked; map it, columns: {prompt: [QUESTION, "
    f"COLUMN]}} or prompt: '{{COLUMN}} {{QUESTION}}', {IGNORE}",
    "unread_mapping": "columns maps what rows of this shape have no place for; take it out of "
    "columns, or map all the texts of the row (docs/data.md has the shapes)",
    "weight": "a row or turn is not to be learnt from, or with another weight, which records "
    f"cannot hold; take such rows out, {IGNORE} (turn.KEY of a turn)",
    "tools": f"tools and their calls cannot be learnt yet; take such rows out, {IGNORE}",
    "reasoning": "reasoning beside the answer cannot be learnt yet; put it into the answer as the "
    f"chat template writes it, {IGNORE} (turn.KEY of a turn)",
    "held_out": "a row says that it is of a test set; put those into a file of their own, with "
    f"split: test, {IGNORE}",
    "stringified": "a list or object stands there as the text that Python prints; write it as "
    "JSON (JSONL or parquet keep it whole)",
    "not_text": "only text is learnt; map a column of text inside of an object (answers.text), "
    f"take out rows that need a picture or sound, {IGNORE}",
    "no_prompt": "nothing says what is asked; map that column, columns: {prompt: COLUMN}",
}


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
    draft.chosen = redactor.redact(draft.chosen)
    if draft.rejected is not None:
        draft.rejected = redactor.redact(draft.rejected)
    draft.scenario = redactor.redact(draft.scenario)
    draft.language = redactor.redact(draft.language)  # zh-138-1234-5678 looks like a language code
    draft.tags = [redactor.redact(tag) for tag in draft.tags]
    draft.groups = [redactor.hide(group) for group in draft.groups]


def to_record(draft: Draft, source: str, split: str | None) -> Record:
    """Turn a checked and masked draft into a record."""
    record: Any = {"id": ""}
    if draft.rejected is None:
        record["messages"] = [*draft.prompt, {"role": "assistant", "content": draft.chosen}]
    else:
        record |= {"prompt": draft.prompt, "chosen": draft.chosen, "rejected": draft.rejected}
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


def check_yield(file: str, out: Rejected) -> None:
    """Raise UserError for an empty file, or one of which nothing can be kept.

    The latter is a mistake in the configuration, unless most rows have faults of their own.
    """
    account = out.ledger.account(file)
    if not account.rows_in:
        raise UserError(f"{file}: holds no rows; fill it or take it out of data.sources")
    if foreign := account.dropped["not_utf8"]:
        print(f"{file}: {foreign:,} rows are not UTF-8; `iconv` converts it (data/README.md)")
    gone, own = account.dropped.total(), sum(account.dropped[reason] for reason in OWN_FAULTS)
    told = [reason for reason, _ in account.dropped.most_common() if reason in CURES]
    if gone == account.rows_in and own < gone / 2:
        cure = CURES[told[0]] if told else CURE
        raise UserError(
            f"{file}: none of its {account.rows_in} rows can be kept ({out.first[file]}); {cure}"
        )
    for reason in (one for one in told if one not in ("not_text", "no_prompt")):
        print(f"{file}: {account.dropped[reason]:,} rows {reason}: {CURES[reason]}")


def check_licenses(ledger: Ledger, licenses: list[str]) -> None:
    """Raise UserError where no row of any file has an allowed license."""
    total = ledger.total()
    if total.dropped["license"] == total.rows_in:
        raise UserError(
            f"params.yaml: curate.licenses is {', '.join(licenses)}, and none of the "
            f"{total.rows_in:,} rows of data.sources is under one of them; add what yours are under"
        )


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


def shown_unused(ledger: Ledger, finder: Finder) -> dict[str, dict[str, int]]:
    """Count of each file what nothing read in the rows that could be kept, the most frequent
    first; a name may be a cell with personal data, where a table has no header."""
    shown = {}
    for file, account in ledger.accounts.items():
        names = account.unused.most_common(MOST_NAMES)
        found = {mask_value(name, Redactor(finder)): count for name, count in names}
        if more := len(account.unused) - len(names):
            found[f"{more} more"] = sum(account.unused.values()) - sum(found.values())
        if found:
            shown[file] = found
    return shown


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
