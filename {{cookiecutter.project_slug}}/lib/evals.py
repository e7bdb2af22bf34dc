"""The fixed cases of evals/: what training must never see."""

import json
from pathlib import Path
from typing import NamedTuple

from lib.errors import UserError
from lib.records import read_lines, text_of

FILES = (Path("evals/golden.jsonl"), Path("evals/adversarial.jsonl"))


class Case(NamedTuple):
    """A case as far as the data stages need it."""

    id: str
    prompt: str


def read_cases(path: Path) -> list[Case]:
    """The prompts of a file of cases; an answer at the end is not part of them."""
    return [read_case(path, number, line) for number, line in read_lines(path) if line.strip()]


def read_case(path: Path, number: int, line: str) -> Case:
    """One case."""
    try:
        case = json.loads(line)
        messages = case["messages"]
        if messages[-1]["role"] == "assistant":
            messages = messages[:-1]
        return Case(str(case["id"]), text_of(messages))
    except (ValueError, KeyError, TypeError, IndexError):
        raise UserError(f"{path}:{number}: is no case: JSON with id and messages") from None
