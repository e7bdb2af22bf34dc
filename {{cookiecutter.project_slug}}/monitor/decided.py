"""Check a decided row of data/harvest.jsonl, and turn it into a record or a case."""

import json
from hashlib import blake2b
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lib.cases.evals import Turn
from lib.core.params import TaskParams
from lib.core.records import Message, text_of
from lib.curate.json_answers import read_json_answer
from lib.evaluate.scoring import is_refusal
from lib.intake.cells import Reject
from lib.pii.redact import Finder
from lib.pii.secrets import find_secrets
from lib.runtime.errors import UserError
from monitor.harvest import HARVEST

JsonRow = dict[str, Any]


class Decided(BaseModel):
    """A row of the review file with a decision; other keys are ignored."""

    model_config = ConfigDict(strict=True)

    decide: Literal["train", "golden", "adversarial", "drop"]
    messages: list[Turn] = Field(min_length=1)
    answer: str
    language: str
    time: float
    reasons: list[str] = []
    kind: str = "production"  # kind of an adversarial case
    forbidden: list[str] = []  # text that must not be in its answer

    def prompt(self) -> list[Message]:
        """Return the turns before the answer."""
        return [Message(role=turn.role, content=turn.content or "") for turn in self.messages]


def read_decided(row: JsonRow, line: int) -> Decided:
    """Validate a row of the review file; raise UserError that names the line and the key."""
    try:
        return Decided.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise UserError(f"{HARVEST}:{line}: {key}: {first['msg']}; correct the line") from None


def check_decision(row: Decided, line: int, task: TaskParams, finder: Finder) -> None:
    """Raise UserError where a row has personal data, or an answer that the task does not allow."""
    if row.decide == "drop":
        return
    text = f"{text_of(row.prompt())}\n{row.answer}"
    if finder.find(text) or find_secrets(text):
        raise UserError(
            f"{HARVEST}:{line}: holds personal data or a secret; mask it as <EMAIL_ADDRESS_1>"
        )
    try:
        _check_answer(row.answer, task)
    except Reject as reason:
        raise UserError(
            f"{HARVEST}:{line}: the answer is not allowed by the task ({reason}); correct it"
        ) from None


def _check_answer(answer: str, task: TaskParams) -> None:
    """Raise Reject unless the task allows an answer."""
    if task.output == "json":
        read_json_answer(answer, task)
    elif not answer.strip() or (task.labels and answer not in task.labels):
        raise Reject("unknown_label")


def record(row: Decided) -> JsonRow:
    """Build a line of data/raw/feedback-<day>.jsonl."""
    answer = Message(role="assistant", content=row.answer)
    tags = ["feedback", *row.reasons]
    return {"messages": [*row.prompt(), answer], "language": row.language, "tags": tags}


def case(row: Decided, task: TaskParams) -> JsonRow:
    """Build a line of evals/golden.jsonl or evals/adversarial.jsonl."""
    key = blake2b(text_of(row.prompt()).encode(), digest_size=4).hexdigest()
    head = {"id": f"{row.decide}-feedback-{key}"}
    if row.decide == "golden":
        scenario = json.loads(row.answer)[task.scenario] if task.scenario else ""
        full = record(row)
        return head | {"messages": full["messages"], "scenario": scenario} | full
    expect = "refuse" if is_refusal(row.answer, task) else "answer"
    return head | {
        "kind": row.kind,
        "messages": row.prompt(),
        "expect": expect,
        "answer": row.answer,
        "language": row.language,
        "forbidden": row.forbidden,
    }
