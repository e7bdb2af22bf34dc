"""Read raw rows of any shape, keep what is sound, mask personal data, account for every row.

reads   the files of data.sources
writes  data/curated.jsonl, data/rejected.jsonl, metrics/curate.json
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

from tqdm import tqdm

from lib.checks import check
from lib.config import load
from lib.errors import UserError, run
from lib.files import atomic_text, write_json
from lib.formats import Row, read_rows
from lib.ledger import Ledger
from lib.params.curate import CurateParams
from lib.params.data import DataParams, Source
from lib.params.task import TaskParams
from lib.pii import Finder, Redactor
from lib.records import (
    PUBLISHED,
    Record,
    answer_of,
    is_pair,
    prompt_of,
    record_id,
    text_of,
    write_records,
)
from lib.rejected import Rejected
from lib.shapes import Draft, Reject, to_draft
from lib.sources import check_columns, find_files
from lib.text import same_text_key


class Kept(NamedTuple):
    """A sound record, the line it came from, what was changed in it and masked."""

    record: Record
    line: int
    changes: set[str]
    pii: Counter[str]


def curate_row(
    row: Row, source: Source, file: str, task: TaskParams, params: CurateParams, redactor: Redactor
) -> tuple[Record, set[str]]:
    """One row as a record, and what was changed; raise Reject with the reason it cannot be kept."""
    if row.value is None:
        raise Reject(row.reason)
    draft = to_draft(row.value, source.columns, task)
    draft.licence = draft.licence or source.licence
    check(draft, task, params)
    for turn in draft.prompt:
        turn["content"] = redactor.redact(turn["content"])
    draft.chosen = redactor.redact(draft.chosen)
    if draft.rejected is not None:
        draft.rejected = redactor.redact(draft.rejected)
    draft.scenario = redactor.redact(draft.scenario)
    draft.tags = [redactor.redact(tag) for tag in draft.tags]
    return to_record(draft, file, source.split), draft.changes


def to_record(draft: Draft, source: str, split: str | None) -> Record:
    """A checked and masked draft as a record. A group may be a customer's name: it is hashed."""
    record: Any = {"id": ""}
    if draft.rejected is None:
        record["messages"] = [*draft.prompt, {"role": "assistant", "content": draft.chosen}]
    else:
        record |= {"prompt": draft.prompt, "chosen": draft.chosen, "rejected": draft.rejected}
    record["id"] = record_id(record)
    group = blake2b(draft.group.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return record | {
        "scenario": draft.scenario,
        "language": draft.language,
        "tags": draft.tags,
        "group": group if draft.group else record["id"],
        "source": source,
        "licence": draft.licence,
        "split": split,
    }


def conflicting(records: list[Record]) -> set[int]:
    """Places of chats whose answer another chat with the same input contradicts, and of pairs
    whose preference another pair turns round.

    Copies are no votes, so there is no majority: all of them go. Only rows that their source has
    published as val or test stay as they are.
    """
    keys = [same_text_key(text_of(prompt_of(record))) for record in records]
    answers: defaultdict[bytes, set[str]] = defaultdict(set)
    preferred: set[tuple[bytes, str, str]] = set()
    for key, record in zip(keys, records, strict=True):
        if is_pair(record):
            preferred.add((key, record["chosen"], record["rejected"]))
        else:
            answers[key].add(answer_of(record))
    return {
        place
        for place, (key, record) in enumerate(zip(keys, records, strict=True))
        if record["split"] not in PUBLISHED
        and (
            (key, record["rejected"], record["chosen"]) in preferred
            if is_pair(record)
            else len(answers[key]) > 1
        )
    }


def check_yield(file: str, ledger: Ledger, rejected: Rejected) -> None:
    """A file of which nothing can be kept is a mistake in the configuration, not in its rows."""
    account = ledger.account(file)
    if not account.rows_in:
        raise UserError(f"{file}: holds no rows; fill it or take it out of data.sources")
    unsound = account.dropped.total() - account.dropped["licence"]
    if unsound == account.rows_in:
        raise UserError(
            f"{file}: none of its {account.rows_in} rows can be kept ({rejected.first[file]}); "
            "mend the file, or map its columns with data.sources columns in params.yaml"
        )


def read(
    sources: list[Source], task: TaskParams, params: CurateParams, rejected: Rejected
) -> Iterator[Kept]:
    """Every sound record of every source; the other rows go to `rejected`."""
    ledger = rejected.ledger
    with tqdm(desc="curate", unit=" rows", delay=2, mininterval=1, leave=False) as progress:
        for source, path in find_files(sources):
            file = path.as_posix()
            for row in read_rows(path):
                progress.update()
                ledger.enter(file)
                redactor = Redactor(rejected.finder)
                try:
                    record, changes = curate_row(row, source, file, task, params, redactor)
                except Reject as reason:
                    rejected.add(file, row.line, str(reason), row.raw or row.value)
                    continue
                yield Kept(record, row.line, changes, redactor.found)
            check_yield(file, ledger, rejected)


def main() -> None:
    """Run the stage."""
    task = load("task", TaskParams)
    sources = load("data", DataParams).sources
    params = load("curate", CurateParams)
    check_columns(sources, task)
    ledger = Ledger()
    with atomic_text("data/rejected.jsonl") as file:
        rejected = Rejected(file, ledger, Finder(params.pii))
        sound = list(read(sources, task, params, rejected))
        conflicts = conflicting([one.record for one in sound]) if task.output != "text" else set()
        for place in sorted(conflicts):
            record, line, *_ = sound[place]
            rejected.add(record["source"], line, "conflicting_label", record)
    kept = [one for place, one in enumerate(sound) if place not in conflicts]
    for one in kept:
        ledger.keep(one.record["source"])
    write_records("data/curated.jsonl", (one.record for one in kept))
    changed = Counter(change for one in kept for change in one.changes)
    pii = sum((one.pii for one in kept), Counter[str]())
    extra = {"changed": dict(sorted(changed.items())), "pii": dict(sorted(pii.items()))}
    write_json("metrics/curate.json", ledger.close() | extra)
    print(ledger.summary("curate"))


if __name__ == "__main__":
    run(main)
