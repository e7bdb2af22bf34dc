"""Accept decided proposals as new training records, golden and adversarial cases.

reads   data/harvest.jsonl (from `make harvest`, `decide` filled in)
writes  data/raw/feedback-<day>.jsonl (tracked by DVC; data.sources of params.yaml names it),
        evals/golden.jsonl, evals/adversarial.jsonl; undecided rows stay in data/harvest.jsonl

All or nothing, and rows that are already there are not added again. The next `dvc repro` uses them.
"""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from lib.cases.evals import ADVERSARIAL, GOLDEN
from lib.core.config import PARAMS, load
from lib.core.params import TaskParams
from lib.core.records import text_of, write_records
from lib.curate.params import CurateParams, DataParams
from lib.pii.redact import Finder
from lib.runtime.dvc_runs import refuse_while_at_work
from lib.runtime.errors import UserError, run
from lib.runtime.files import atomic_text
from lib.similarity.near_copies import KnownTexts
from lib.similarity.params import DedupParams
from lib.similarity.shared_text import known_passages
from monitor.decided import Decided, JsonRow, case, check_decision, read_decided, record
from monitor.harvest import FEEDBACK, HARVEST, RAW, copies, held_out_prompts, read_review


def check_leaks(rows: list[tuple[int, Decided]]) -> None:
    """Raise UserError if a row for training resembles a held-out row or case."""
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
    """Raise UserError if data.sources does not name a file of feedback."""
    if not any(path.match(source.path) for source in load("data", DataParams).sources):
        raise UserError(
            f"{PARAMS}: data.sources does not name {RAW}/{FEEDBACK}; add it as the last entry, "
            "with its license, its consent and `optional: true`"
        )


def additions(rows: list[Decided], task: TaskParams) -> dict[Path, str]:
    """Return the lines to add to each file."""
    found: dict[Path, str] = {}
    if train := [record(row) for row in rows if row.decide == "train"]:
        day = datetime.fromtimestamp(max(row.time for row in rows), UTC).strftime("%Y-%m-%d")
        found[RAW / f"feedback-{day}.jsonl"] = unseen(train, sorted(RAW.glob(FEEDBACK)))
    for kind, path in {"golden": GOLDEN, "adversarial": ADVERSARIAL}.items():
        if cases := [case(row, task) for row in rows if row.decide == kind]:
            found[path] = unseen(cases, [path])
    return found


def unseen(rows: list[JsonRow], files: list[Path]) -> str:
    """Return rows as lines, without those already in the files, as after an interrupted run."""
    there = {line for path in files if path.exists() for line in _read(path).split("\n")}
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    return "".join(line + "\n" for line in lines if line not in there)


def _write(added: dict[Path, str], undecided: list[JsonRow]) -> None:
    """Write all files, or leave all as they were."""
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
    """Restore the files if the block fails."""
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
    """Read a text with its line ends unchanged."""
    return path.read_bytes().decode("utf-8")


def replace(path: Path, text: str) -> None:
    """Replace a file by a text, never in place: DVC may share its bytes through a hard link."""
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
    """Add the accepted proposals to files of training data and cases."""
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
