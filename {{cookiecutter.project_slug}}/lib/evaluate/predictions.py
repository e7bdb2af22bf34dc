"""Read the scored answers of a system, case by case: predictions/SYSTEM.jsonl."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from lib.cases.systems import PROMPTED, SYSTEMS
from lib.core.records import read_objects
from lib.evaluate.scoring import CORRECT
from lib.runtime.errors import UserError

PREDICTIONS = Path("predictions")

Prediction = dict[str, Any]
Systems = dict[str, list[Prediction]]  # by name


class Pairs(NamedTuple):
    """The cases that two systems both answered, in the order of the first."""

    new: list[Prediction]
    old: list[Prediction]

    def scores(self) -> tuple[list[float], list[float], list[str]]:
        """Return (scores of new, scores of old, groups), the arguments of compare_paired."""
        return [*map(score, self.new)], [*map(score, self.old)], [*map(group, self.new)]


def present() -> list[str]:
    """List the systems that have been evaluated."""
    return [name for name in SYSTEMS if (PREDICTIONS / f"{name}.jsonl").is_file()]


def not_asked(systems: dict[str, list[Prediction]]) -> str:
    """Name the prompted systems without golden answers, such as `few_shot and retrieval`.

    A claim about the best prompting does not cover these. Empty if there are none.
    """
    return " and ".join(one for one in PROMPTED if not of_sets(systems.get(one, []), "golden"))


def read_predictions(system: str) -> list[Prediction]:
    """Read the rows of predictions/SYSTEM.jsonl."""
    return list(read_objects(PREDICTIONS / f"{system}.jsonl"))


def parse_predictions(text: str, name: str) -> list[Prediction]:
    """Parse a predictions file of another commit, called `name` in errors."""
    try:
        return [json.loads(line) for line in text.split("\n") if line]
    except json.JSONDecodeError as error:
        raise UserError(f"{name}: is not JSON Lines ({error.msg})") from None


def score(row: Prediction) -> float:
    """Return the score of a row, from 0 to 1, by the task's primary metric."""
    return float(row["score"] if "score" in row else row["category"] == CORRECT)


def group(row: Prediction) -> str:
    """Return the group of a row (rows in it are not independent); an attack is its own."""
    return str(row.get("group", row["id"]))


def of_sets(rows: Iterable[Prediction], *sets: str) -> list[Prediction]:
    """Return the rows of golden, test or adversarial, in their order."""
    return [row for row in rows if row["set"] in sets]


def same_cases(new: list[Prediction], old: list[Prediction]) -> Pairs:
    """Pair the cases that are equal in both: by set, id, question and right answer."""
    before = {case_key(row): row for row in old}
    common = [row for row in new if case_key(row) in before]
    return Pairs(common, [before[case_key(row)] for row in common])


def case_key(row: Prediction) -> tuple[str, ...]:
    """Return the key that identifies a case."""
    wanted = (str(row.get(key, "")) for key in ("expected", "expect", "forbidden"))
    return (row["set"], row["id"], row["prompt"], *wanted)


def slice_names(row: Prediction) -> set[str]:
    """Return a row's slices by the names that `gate.quality.slices` uses: `tag emoji` is emoji."""
    return {one.partition(" ")[2] for one in slices_of(row)}


def check_slice(name: str, golden: Iterable[Prediction]) -> None:
    """Raise UserError where no golden case is in a slice that the gate names."""
    known = set().union(*map(slice_names, golden))
    if name not in known:
        raise UserError(
            f"params.yaml: gate.quality.slices names '{name}', which no golden case has; known "
            f"are {', '.join(sorted(known)) or 'no golden cases'}"
        )


def slices_of(row: Prediction) -> list[str]:
    """Return the slices a case is in: its scenario, language and tags, or the kind of an attack."""
    named = {"scenario": row.get("scenario"), "language": row.get("language")}
    named["kind"] = row.get("kind")
    found = [f"{what} {name}" for what, name in named.items() if name]
    return [*found, *(f"tag {name}" for name in dict.fromkeys(row.get("tags", [])))]
