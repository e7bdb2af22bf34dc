"""The record: one training example, the same from curate to eval, one JSON line each."""

import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast

from lib.core.record_lines import content_json
from lib.core.strict_json import loads
from lib.core.turns import Message as Message
from lib.core.turns import Tool, said, tool_names, whole, with_tools
from lib.core.turns import text_of as text_of
from lib.runtime.errors import UserError
from lib.runtime.files import atomic_text


class Record(TypedDict):
    """A chat (`messages`) or a preference pair (`prompt`, `chosen`, `rejected`).

    A single answer labeled good or bad is a pair whose other side is empty.

    An answer of a pair that has thoughts or tool calls is a turn instead of a string. `tools` are
    those that the model may call.

    `split` is None unless the source fixes it; `groups` name what must stay on one side of a
    split (a customer, a document): the record's own id when nothing else is known. `tags` name edge
    cases.
    """

    id: str
    messages: NotRequired[list[Message]]
    prompt: NotRequired[list[Message]]
    chosen: NotRequired[str | Message]
    rejected: NotRequired[str | Message]
    tools: NotRequired[list[Tool]]
    scenario: str
    language: str
    tags: list[str]
    groups: list[str]
    source: str
    license: str
    split: str | None


PUBLISHED = ("val", "test")  # rows that their source assigned to these are never dropped or moved
CONTENT = ("messages", "prompt", "chosen", "rejected")
# The keys of every record, and of a preference pair.
SHARED = {"id", "scenario", "language", "tags", "groups", "source", "license", "split"}
_PAIR = {"prompt", "chosen", "rejected"}


def is_pair(record: Record) -> bool:
    """Tell whether the record is a preference pair (`prompt`, `chosen`, `rejected`), not a chat."""
    return "chosen" in record


def chats_first(records: Iterable[Record]) -> list[Record]:
    """Return the chats of some records; where there are none, the preference pairs.

    Prompts of pairs serve as well for measurements, and chosen answers for calibration.
    """
    pairs, chats = list[Record](), list[Record]()
    for record in records:
        (pairs if is_pair(record) else chats).append(record)
    return chats or pairs


def chat_of(record: Record) -> list[Message]:
    """Return all turns of a chat, with its tools."""
    return with_tools(record["messages"], record.get("tools"))


def prompt_of(record: Record) -> list[Message]:
    """Return the turns before the answer, with the tools that it may call."""
    turns = record["prompt"] if is_pair(record) else record["messages"][:-1]
    return with_tools(turns, record.get("tools"))


def side_of(record: Record, side: str) -> Message:
    """Return an answer of a pair, `chosen` or `rejected`, as a turn."""
    answer: str | Message = record[side]  # type: ignore[literal-required]
    return Message(role="assistant", content=answer) if isinstance(answer, str) else answer


def has_side(record: Record, side: str) -> bool:
    """Tell whether a pair has an answer on a side; a single labeled answer lacks one."""
    return bool(said(side_of(record, side)))


def answer_turn(record: Record) -> Message:
    """Return the turn to learn: the last of a chat, or the chosen one of a pair."""
    return side_of(record, "chosen") if is_pair(record) else record["messages"][-1]


def answer_of(record: Record) -> str:
    """Return the answer to learn, with its tool calls, as one text."""
    return said(answer_turn(record))


def taught_by(record: Record) -> list[Message]:
    """List the turns that a record may train on: a chat's last one, or both sides of a pair."""
    bad = [side_of(record, "rejected")] if is_pair(record) else []
    return [answer_turn(record), *bad]


def answers_of(record: Record) -> list[str]:
    """Return every answer as one text, thoughts and calls included: one, or chosen and rejected.

    The names of the tools are part of it: with other tools it is another answer.
    """
    names = tool_names(record.get("tools"))
    return [f"{whole(turn)}\n{names}" if names else whole(turn) for turn in taught_by(record)]


def prompt_text(record: Record) -> str:
    """Return the prompt as text, of a chat and of a preference pair alike."""
    return text_of(prompt_of(record))


def prompt_texts(record: Record) -> list[str]:
    """List every prompt that a record answers, the last one last.

    These include the questions of earlier turns, each without the turns before it.
    """
    return [*earlier_prompts(record), prompt_text(record)]


def earlier_prompts(record: Record) -> list[str]:
    """List the prompts that a record answers before its last one; most records have none."""
    turns = prompt_of(record)
    answered = [at for at, turn in enumerate(turns) if turn["role"] == "assistant"]
    if not answered:
        return []
    earlier = [text_of(turns[:at]) for at in answered]
    questions = [turn["content"] for turn in turns if turn["role"] == "user"]
    return list(dict.fromkeys(earlier + questions))


def row_text(record: Record) -> str:
    """Return all that is trained on as one text: the prompt and every answer, thoughts included."""
    sides = [side_of(record, side) for side in ("chosen", "rejected")] if is_pair(record) else []
    turns = record["prompt"] if is_pair(record) else record["messages"]
    return "\n".join(map(whole, [*turns, *sides]))


def record_id(record: Record) -> str:
    """Hash the content (16 hex digits): a copy from another source has the same id."""
    content = [record.get(key) for key in CONTENT]
    content += [record["tools"]] if "tools" in record else []
    return blake2b(content_json(content), digest_size=8).hexdigest()


def read_records(path: str | Path) -> Iterator[Record]:
    """Yield the records of a JSONL file that a stage wrote, one at a time.

    Raises UserError where the file is missing, and at a line that is not a record.
    """
    for number, row in _numbered(path):
        if not is_record(row):
            raise UserError(
                f"{path}:{number}: is not a record; the file was edited by hand: `dvc repro` "
                "writes it again"
            )
        yield cast(Record, row)


def is_record(row: dict[str, Any]) -> bool:
    """Tell whether an object has all fields that every record must have."""
    turns = row.get("messages", row.get("prompt"))
    return (
        row.keys() >= SHARED
        and ("messages" in row or row.keys() >= _PAIR)
        and isinstance(row["id"], str)
        and isinstance(row["source"], str)
        and isinstance(row["groups"], list)
        and isinstance(turns, list)
        and turns != []
        and all(map(_is_turn, turns))
    )


def _is_turn(turn: Any) -> bool:
    return isinstance(turn, dict) and "role" in turn and isinstance(turn.get("content"), str)


class RecordFile:
    """The records of a JSONL file that a stage wrote, read again for each iteration."""

    def __init__(self, path: str | Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[Record]:
        return read_records(self.path)


def read_objects(path: str | Path) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a JSONL file that a stage wrote, one at a time.

    Raises UserError where the file is missing, and at a line that is not a JSON object.
    """
    for _, row in _numbered(path):
        yield row


def _numbered(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    cure = "`dvc repro` rewrites it"
    for number, line in read_lines(path):
        try:
            row = loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"{path}:{number}: is not JSON ({error.msg}); {cure}") from None
        if not isinstance(row, dict):
            raise UserError(f"{path}:{number}: is not a JSON object; {cure}")
        yield number, row


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line with its line end) of a UTF-8 file.

    Raises UserError where the file is missing or not UTF-8.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            yield from enumerate(file, start=1)
    except FileNotFoundError:
        raise UserError(f"{path}: not found; `dvc repro` runs the stage that writes it") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 ({error.reason}); save it as UTF-8") from None


def write_records(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows as JSONL, the file whole or not at all; return the number of rows."""
    count = 0
    with atomic_text(path) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count
