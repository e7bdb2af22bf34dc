"""Curate one part of a file independently, so that processes can share the parts of all files."""

import io
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import orjson

from lib.core.params import BaseParams, TaskParams
from lib.core.record_lines import record_line
from lib.core.records import Record, record_id
from lib.curate.checks import Checks, all_text, check_difference, texts_of
from lib.curate.columns import ColumnWatch
from lib.curate.conflicts import Conflicts
from lib.curate.draft import Draft
from lib.curate.habits import Habits
from lib.curate.params import CurateParams, Source
from lib.curate.rejected import Rejected, mask_value
from lib.curate.row import Mapping
from lib.curate.shapes import to_draft
from lib.curate.sources import partition
from lib.curate.tokens import token_counter
from lib.intake.cells import Reject
from lib.intake.formats import Rows, rows_of
from lib.intake.json_rows import Lines
from lib.intake.ledger import Ledger
from lib.intake.tables import RawRow
from lib.pii.redact import Finder, Redactor
from lib.pii.secrets import which_hold_secrets


class Part(NamedTuple):
    """Some rows of a file of a source."""

    source: Source
    file: str
    rows: Rows

    def __str__(self) -> str:
        first = self.rows.first if isinstance(self.rows, Lines) else self.rows[0].line
        return f"{self.file}:{first}"


class Note(NamedTuple):
    """Where a kept record came from, what was changed in it and what was masked."""

    file: str
    line: int
    changes: list[str]
    pii: dict[str, int]


class Curated(NamedTuple):
    """The result of curating a part."""

    columns: ColumnWatch
    ledger: Ledger  # all rows, and the dropped ones
    first: dict[str, str]  # see Rejected
    dropped: str  # lines of data/rejected.jsonl
    conflicts: Conflicts
    sound: str  # lines of: note, tab, record


class Curator:
    """Curates parts; models and rules are loaded once."""

    def __init__(self, task: TaskParams, base: BaseParams, params: CurateParams) -> None:
        self.task, self.finder = task, Finder(params.pii)
        self.checks = Checks(task, params, token_counter(base))

    def __call__(self, part: Part) -> Curated:
        """Check and mask the rows of a part."""
        columns = ColumnWatch(part.source)
        mapping = Mapping(part.source.columns, part.source.ignore)
        conflicts, habits = Conflicts(one_answer=self.task.output != "text"), Habits()
        gone, sound = io.StringIO(), list[str]()
        out = Rejected(gone, Ledger(), self.finder)
        rows = list(rows_of(part.rows))
        if named := partition(part.file):
            rows = [row._replace(value=named | row.value) if row.value else row for row in rows]
        drafts = [attempt(self.draft, part, row, mapping) for row in rows]
        texts = [all_text(draft) for draft in drafts if isinstance(draft, Draft)]
        secrets = iter(which_hold_secrets(texts))
        for row, draft in zip(rows, drafts, strict=True):
            out.ledger.enter(part.file)
            columns.see(row.value or {})
            redactor = Redactor(self.finder)
            if isinstance(draft, Draft):
                draft = attempt(self.masked, part, row, draft, redactor, next(secrets))
            if isinstance(draft, Reject):
                out.add(part.file, row.line, str(draft), row.raw or row.value, draft.found)
                continue
            if draft.unread:
                out.ledger.account(part.file).unused.update(draft.unread)
            record = to_record(draft, part.file, draft.split or part.source.split)
            conflicts.add(record, row.line)
            answer = draft.chosen if self.task.output == "text" else ""
            habits.see(answer, texts_of(draft), draft.prompt[-1]["content"])
            note = Note(part.file, row.line, sorted(draft.changes), redactor.found)
            sound.append(f"{orjson.dumps([*note]).decode()}\t{record_line(record)}")
        if sound:
            out.ledger.account(part.file).habits.update(habits.counts())
        return Curated(columns, out.ledger, out.first, gone.getvalue(), conflicts, "".join(sound))

    def draft(self, part: Part, row: RawRow, mapping: Mapping) -> Draft:
        """Turn a row into a tidy draft; raise Reject where that cannot be done."""
        if row.value is None:
            raise Reject(row.reason)
        draft = to_draft(row.value, mapping, self.task)
        draft.license = draft.license or part.source.license
        self.checks.tidy(draft)
        return draft

    def masked(
        self, part: Part, row: RawRow, draft: Draft, redactor: Redactor, secret: bool
    ) -> Draft:
        """Finish the checks of a tidy draft and mask personal data; raise Reject if one fails."""
        if secret:
            raise Reject("secret")
        self.checks.finish(draft)
        redact(draft, redactor)
        if redactor.found:  # a placeholder may be longer than the value, or make two answers equal
            self.checks.length(draft)
            check_difference(draft)
        return draft


def attempt(work: Callable[..., Draft], part: Part, row: RawRow, *more: Any) -> Draft | Reject:
    """Call `work` on a row; return the Reject if it raises one, add the line to any other error."""
    try:
        return work(part, row, *more)
    except Reject as reason:
        return reason
    except Exception as error:
        error.add_note(f"{part.file}:{row.line}: while curating this row")
        raise


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
    """Mask the thought of a turn and the arguments of its calls."""
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
