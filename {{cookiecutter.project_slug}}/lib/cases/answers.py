"""Read and write the answers of a system: answers/SYSTEM.jsonl, one row per case."""

from dataclasses import asdict
from pathlib import Path

from lib.cases.cases import Case
from lib.cases.systems import SYSTEMS
from lib.core.records import read_objects, write_records
from lib.engines.answer import Answer
from lib.runtime.errors import UserError

ANSWERS = Path("answers")
NAMED_BY = ("set", "id")  # the keys that identify a row's case


def write_answers(system: str, cases: list[Case], answers: list[Answer]) -> None:
    """Write answers/SYSTEM.jsonl, in the order of the cases."""
    rows = [
        {key: case[key] for key in NAMED_BY} | asdict(answer)
        for case, answer in zip(cases, answers, strict=True)
    ]
    write_records(ANSWERS / f"{system}.jsonl", rows)


def answered_systems() -> list[str]:
    """Return the systems whose answers are stored; raise UserError where there are none."""
    found = [name for name in SYSTEMS if (ANSWERS / f"{name}.jsonl").is_file()]
    if not found:
        raise UserError(f"{ANSWERS}/: holds no answers; `dvc repro answer` asks the systems")
    return found


def read_answers(system: str, cases: list[Case]) -> list[Answer]:
    """Read the answers to `cases`, in their order; raise UserError if the file has other cases."""
    path = ANSWERS / f"{system}.jsonl"
    rows = list(read_objects(path))
    asked = [[case[key] for key in NAMED_BY] for case in cases]
    if [[row.get(key) for key in NAMED_BY] for row in rows] != asked:
        raise UserError(
            f"{path}: answers other cases than those of evals/ and the test split; "
            f"`dvc repro answer@{system}` asks again"
        )
    return [Answer(**{k: v for k, v in row.items() if k not in NAMED_BY}) for row in rows]
