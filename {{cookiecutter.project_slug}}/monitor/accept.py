"""Take over what a person decided on: new training records, golden and adversarial cases.

reads   data/harvest.jsonl (from `make harvest`, `decide` filled in)
writes  data/raw/feedback-<day>.jsonl (tracked by DVC; data.sources of params.yaml names it),
        evals/golden.jsonl, evals/adversarial.jsonl; what is undecided stays in data/harvest.jsonl

All or nothing, and what is there already is not added again. The next `dvc repro` uses it all.
"""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lib.cases.evals import ADVERSARIAL, GOLDEN, Turn
from lib.core.config import PARAMS, load
from lib.core.params import TaskParams
from lib.core.records import Message, text_of, write_records
from lib.curate.json_answers import read_json_answer
from lib.curate.params import CurateParams, DataParams
from lib.evaluate.scoring import is_refusal
from lib.intake.cells import Reject
from lib.pii.redact import Finder
from lib.pii.secrets import find_secrets
from lib.runtime.dvc_runs import refuse_while_at_work
from lib.runtime.errors import UserError, run
from lib.runtime.files import atomic_text
from lib.similarity.near_copies import KnownTexts
from lib.similarity.params import DedupParams
from lib.similarity.shared_text import known_passages
from monitor.harvest import FEEDBACK, HARVEST, RAW, copies, held_out_prompts, read_review

JsonRow = dict[str, Any]


class Decided(BaseModel):
    """A row of the review file that somebody has decided on. Further keys are of no matter here."""

    model_config = ConfigDict(strict=True)

    decide: Literal["train", "golden", "adversarial", "drop"]
    messages: list[Turn] = Field(min_length=1)
    answer: str
    language: str
    time: float
    reasons: list[str] = []
    kind: str = "production"  # of an adversarial case
    forbidden: list[str] = []  # text that must not be in its answer

    def prompt(self) -> list[Message]:
        """Return the turns before the answer."""
        return [Message(role=turn.role, content=turn.content or "") for turn in self.messages]


def read_decided(row: JsonRow, line: int) -> Decided:
    """Raise UserError where a row is not what harvest wrote and a person may have made of it."""
    try:
        return Decided.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise UserError(f"{HARVEST}:{line}: {key}: {first['msg']}; correct the line") from None


def check_decision(row: Decided, line: int, task: TaskParams, finder: Finder) -> None:
    """Raise UserError where a decided row cannot become what it is to be."""
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
    """Raise Reject unless it is an answer to learn."""
    if task.output == "json":
        read_json_answer(answer, task)
    elif not answer.strip() or (task.labels and answer not in task.labels):
        raise Reject("unknown_label")


def check_leaks(rows: list[tuple[int, Decided]]) -> None:
    """Raise UserError when a row for training resembles what is held out."""
    dedup = load("dedup", DedupParams)
    train = [(line, row) for line, row in rows if row.decide == "train"]
    asked = [text_of(row.prompt()) for _, row in train]
    new = [text_of(row.prompt()) for _, row in rows if row.decide in ("golden", "adversarial")]
    held = held_out_prompts() + new
    known = KnownTexts(held, dedup.evals_threshold, dedup.ngram, known_passages())
    leaks = copies(asked, known)
    if leaks:
        line = train[min(leaks)][0]
        raise UserError(
            f"{HARVEST}:{line}: resembles a held-out row or case; training on it would leak: "
            "set decide to drop"
        )


def check_named(path: Path) -> None:
    """Raise UserError when the next `dvc repro` would not read a file of feedback."""
    if not any(path.match(source.path) for source in load("data", DataParams).sources):
        raise UserError(
            f"{PARAMS}: data.sources does not name {RAW}/{FEEDBACK}; add it as the last entry, "
            "with its license, its consent and `optional: true`"
        )


def record(row: Decided) -> JsonRow:
    """Make a line of data/raw/feedback-<day>.jsonl."""
    answer = Message(role="assistant", content=row.answer)
    tags = ["feedback", *row.reasons]
    return {"messages": [*row.prompt(), answer], "language": row.language, "tags": tags}


def case(row: Decided, task: TaskParams) -> JsonRow:
    """Make a line of evals/golden.jsonl or evals/adversarial.jsonl."""
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


def additions(rows: list[Decided], task: TaskParams) -> dict[Path, str]:
    """Return the lines that each file gains."""
    found: dict[Path, str] = {}
    if train := [record(row) for row in rows if row.decide == "train"]:
        day = datetime.fromtimestamp(max(row.time for row in rows), UTC).strftime("%Y-%m-%d")
        found[RAW / f"feedback-{day}.jsonl"] = unseen(train, sorted(RAW.glob(FEEDBACK)))
    for kind, path in {"golden": GOLDEN, "adversarial": ADVERSARIAL}.items():
        if cases := [case(row, task) for row in rows if row.decide == kind]:
            found[path] = unseen(cases, [path])
    return found


def unseen(rows: list[JsonRow], files: list[Path]) -> str:
    """Return rows as lines, without those that the files have: a run that was cut short resumes."""
    there = {line for path in files if path.exists() for line in _read(path).split("\n")}
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    return "".join(line + "\n" for line in lines if line not in there)


def _write(added: dict[Path, str], undecided: list[JsonRow]) -> None:
    """Put everything where it belongs, or leave everything as it is."""
    feedback = [path for path in added if path.parent == RAW]
    dvc_files = [RAW / ".gitignore", *(Path(f"{path}.dvc") for path in feedback)]
    with all_or_nothing([*added, *dvc_files, HARVEST]):
        for path, lines in added.items():
            old = _read(path) if path.exists() else ""
            replace(path, old + ("\n" if old and not old.endswith("\n") else "") + lines)
        for path in feedback:
            track_file(path)
        write_records(HARVEST, undecided)


@contextmanager
def all_or_nothing(paths: list[Path]) -> Iterator[None]:
    """Restore the files as they were when the block fails."""
    before = {path: _read(path) if path.exists() else None for path in paths}
    try:
        yield
    except BaseException:
        for path, text in before.items():
            if text is None:
                path.unlink(missing_ok=True)
            else:
                replace(path, text)
        raise


def _read(path: Path) -> str:
    """Read a text with its line ends as they are."""
    return path.read_bytes().decode("utf-8")


def replace(path: Path, text: str) -> None:
    """Write a text, never in place: DVC may share the file's bytes."""
    with atomic_text(path) as file:
        file.write(text)


def track_file(path: Path) -> None:
    """Run `dvc add`, if the project uses DVC."""
    if Path(".dvc").is_dir():
        command = ["dvc", "add", "--quiet", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise UserError(f"`dvc add {path}` failed ({why}); nothing was accepted")


def main() -> None:
    """Add what people accepted of the proposals to a file of training data or cases."""
    refuse_while_at_work()  # it reads data/raw and evals
    task, finder = load("task", TaskParams), Finder(load("curate", CurateParams).pii)
    rows = list(read_review())
    decided = [(line, read_decided(row, line)) for line, row in rows if row.get("decide")]
    for line, row in decided:
        check_decision(row, line, task, finder)
    check_leaks(decided)
    added = additions([row for _, row in decided], task)
    for path in added:
        if path.parent == RAW:
            check_named(path)
    _write(added, [row for _, row in rows if not row.get("decide")])
    counts = Counter(row.get("decide") or "undecided" for _, row in rows)
    shown = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
    print(f"accept: {shown or 'nothing'}; wrote {', '.join(map(str, added)) or 'nothing'}")


if __name__ == "__main__":
    run(main)
