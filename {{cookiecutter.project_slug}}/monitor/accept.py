"""Take over what a person decided on: new training records, golden and adversarial cases.

usage   python -m monitor.accept
reads   data/harvest.jsonl (from `make harvest`, `decide` filled in)
writes  data/raw/feedback-<day>.jsonl (tracked by DVC, and named in data.sources of params.yaml),
        evals/golden.jsonl, evals/adversarial.jsonl; what is undecided stays in data/harvest.jsonl

Nothing is written when one row is wrong. The next `dvc repro` uses it all.
"""

import json
import subprocess
from collections import Counter
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from lib.config import PARAMS, load
from lib.errors import UserError, run
from lib.evals import ADVERSARIAL, GOLDEN
from lib.evaluation.scoring import is_refusal
from lib.files import atomic_text
from lib.intake.cells import Reject
from lib.intake.checks import read_answer
from lib.intake.secrets import find_secrets
from lib.params.curate import CurateParams
from lib.params.data import DataParams
from lib.params.dedup import DedupParams
from lib.params.monitor import MonitorParams
from lib.params.task import TaskParams
from lib.pii.redact import Finder
from lib.records import read_objects, text_of, write_records
from monitor.harvest import HARVEST, copies, held_out_prompts

Row = dict[str, Any]
DECISIONS = ("train", "golden", "adversarial", "drop")


def check(row: Row, line: int, task: TaskParams, finder: Finder) -> None:
    """Raise UserError where a decided row cannot become what it is to be."""
    where = f"{HARVEST}:{line}:"
    if row["decide"] not in DECISIONS:
        allowed = ", ".join(DECISIONS)
        raise UserError(
            f"{where} decide is {row['decide']!r}; it must be {allowed}, or '' for later"
        )
    if row["decide"] == "drop":
        return
    text = f"{text_of(row['messages'])}\n{row['answer']}"
    if finder.find(text) or find_secrets(text):
        raise UserError(f"{where} holds personal data or a secret; mask it as <EMAIL_ADDRESS_1>")
    try:
        check_answer(row["answer"], task)
    except Reject as reason:
        raise UserError(
            f"{where} the answer is none of the task's ({reason}); correct it"
        ) from None


def check_answer(answer: str, task: TaskParams) -> None:
    """Raise Reject unless it is an answer to learn."""
    if task.output == "json":
        read_answer(answer, task)
    elif not answer.strip() or (task.labels and answer not in task.labels):
        raise Reject("unknown_label")


def check_leaks(rows: list[tuple[int, Row]]) -> None:
    """Raise UserError when a row for training resembles what is held out."""
    dedup = load("dedup", DedupParams)
    train = [(line, row) for line, row in rows if row["decide"] == "train"]
    asked = [text_of(row["messages"]) for _, row in train]
    new = [
        text_of(row["messages"]) for _, row in rows if row["decide"] in ("golden", "adversarial")
    ]
    leaks = copies(asked, held_out_prompts() + new, dedup.evals_threshold, dedup.ngram)
    if leaks:
        line = train[min(leaks)][0]
        raise UserError(
            f"{HARVEST}:{line}: resembles a held-out row or case; training on it would leak: "
            "decide drop"
        )


def record(row: Row) -> Row:
    """A line of data/raw/feedback-<day>.jsonl."""
    answer = {"role": "assistant", "content": row["answer"]}
    tags = ["feedback", *row["reasons"]]
    return {"messages": [*row["messages"], answer], "language": row["language"], "tags": tags}


def case(row: Row, task: TaskParams) -> Row:
    """A line of evals/golden.jsonl or evals/adversarial.jsonl."""
    key = blake2b(text_of(row["messages"]).encode(), digest_size=4).hexdigest()
    head = {"id": f"{row['decide']}-feedback-{key}"}
    if row["decide"] == "golden":
        scenario = json.loads(row["answer"])[task.scenario] if task.scenario else ""
        full = record(row)
        return head | {"messages": full["messages"], "scenario": scenario} | full
    expect = "refuse" if is_refusal(row["answer"], task) else "answer"
    return head | {
        "kind": row.get("kind", "production"),
        "messages": row["messages"],
        "expect": expect,
        "answer": row["answer"],
        "language": row["language"],
        "forbidden": row.get("forbidden", []),
    }


def append(path: Path, rows: list[Row]) -> None:
    """Add rows to a JSONL file, whole or not at all; never in place: DVC may share its bytes."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    old += "\n" if old and not old.endswith("\n") else ""
    with atomic_text(path) as file:
        file.write(old)
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def name_source(params: MonitorParams) -> None:
    """Name the feedback files in data.sources, last, so that rows only follow rows before them."""
    pattern = "data/raw/feedback-*.jsonl"
    if any(source.path == pattern for source in load("data", DataParams).sources):
        return
    text = PARAMS.read_text(encoding="utf-8")
    sources = YAML().load(text)["data"]["sources"]  # the round-trip loader knows lines
    if sources.fa.flow_style():
        raise UserError(
            f"{PARAMS}: write data.sources as a list of lines, or add '{pattern}' to it"
        )
    first, column = sources.lc.item(0)
    lines = text.splitlines(keepends=True)
    at = first + 1
    while at < len(lines) and (not lines[at].strip() or indent(lines[at]) >= column):
        at += 1
    while not lines[at - 1].strip():
        at -= 1
    dash = " " * lines[first].index("-")
    new = [
        f"{dash}- path: {pattern} # from `python -m monitor.accept`\n",
        f"{dash}  licence: {params.harvest.licence}\n",
        f"{dash}  consent: {params.harvest.consent}\n",
    ]
    with atomic_text(PARAMS) as file:
        file.writelines([*lines[:at], *new, *lines[at:]])


def indent(line: str) -> int:
    """Where a line of YAML begins; that of a list's item counts from after its dash."""
    return len(line) - len(line.lstrip(" -"))


def write(rows: list[Row], params: MonitorParams, task: TaskParams) -> list[str]:
    """Put each row where it belongs; return the files written."""
    written = []
    train = [record(row) for row in rows if row["decide"] == "train"]
    if train:
        day = datetime.fromtimestamp(max(row["time"] for row in rows), UTC).strftime("%Y-%m-%d")
        path = Path(f"data/raw/feedback-{day}.jsonl")
        append(path, train)
        name_source(params)
        if Path(".dvc").is_dir():
            subprocess.run(["dvc", "add", "--quiet", str(path)], check=True)
        written.append(str(path))
    for kind, path in {"golden": GOLDEN, "adversarial": ADVERSARIAL}.items():
        cases = [case(row, task) for row in rows if row["decide"] == kind]
        if cases:
            append(path, cases)
            written.append(str(path))
    return written


def main() -> None:
    """Accept."""
    task, params = load("task", TaskParams), load("monitor", MonitorParams)
    finder = Finder(load("curate", CurateParams).pii)
    rows = list(enumerate(read_objects(HARVEST), start=1))
    decided = [(line, row) for line, row in rows if row["decide"]]
    for line, row in decided:
        check(row, line, task, finder)
    check_leaks(decided)
    written = write([row for _, row in decided], params, task)
    write_records(HARVEST, [row for _, row in rows if not row["decide"]])
    counts = Counter(row["decide"] or "undecided" for _, row in rows)
    shown = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
    print(f"accept: {shown or 'nothing'}; wrote {', '.join(written) or 'nothing'}")


if __name__ == "__main__":
    run(main)
