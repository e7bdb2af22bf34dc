"""Select the pairs of answers for raters and judge, without the names of the systems."""

import json
import os
from threading import Lock
from typing import Any, NamedTuple

from lib.evaluate.predictions import PREDICTIONS, Prediction, of_sets
from lib.runtime.errors import UserError
from lib.runtime.files import atomic_text
from review.ratings import RATINGS, TIE, Rating, case_id, digest, pairs_of, read_ratings


class Question(NamedTuple):
    """A case with the answers of both systems."""

    key: str
    prompt: str
    answers: dict[str, str]  # by system
    expected: str = ""  # the right answer, which raters do not see


class Study:
    """The questions of a comparison, and the files with the ratings."""

    def __init__(self, old: str, new: str, questions: list[Question]) -> None:
        self.systems = [old, new]
        self.questions = {one.key: one for one in questions}
        self.lock = Lock()  # each request has its own thread

    def done(self, rater: str) -> list[Rating]:
        """Return a rater's ratings of these questions, the latest last."""
        rows = read_ratings(RATINGS / f"{rater}.jsonl")
        return [
            row for row in rows if row["systems"] == self.systems and row["case"] in self.questions
        ]

    def left_of(self, rater: str, key: str) -> str:
        """Draw by a hash which system stands on the left."""
        return self.systems[int(digest(f"side:{rater}:{key}"), 16) % 2]

    def next(self, rater: str) -> dict[str, Any]:
        """Return what the page shows, without revealing which system is which."""
        rated = {row["case"] for row in self.done(rater)}
        state: dict[str, Any] = {"done": len(rated), "of": len(self.questions)}
        waiting = [key for key in self.questions if key not in rated]
        if not waiting:
            return state
        key = min(waiting, key=lambda one: digest(f"order:{rater}:{one}"))
        left = self.left_of(rater, key)
        answers = self.questions[key].answers
        right = next(name for name in self.systems if name != left)
        shown = {"left": answers[left], "right": answers[right]}
        return state | {"case": key, "prompt": self.questions[key].prompt, **shown}

    def rate(self, rater: str, key: str, choice: str) -> None:
        """Store a rating: left, right or tie."""
        left = self.left_of(rater, key)
        right = next(name for name in self.systems if name != left)
        winner = {"left": left, "right": right, TIE: TIE}[choice]
        row = {"rater": rater, "systems": self.systems, "case": key, "left": left, "winner": winner}
        others = [one for one in self.every(rater) if not self.is_of(one, key)]
        self.save(rater, [*others, row])

    def undo(self, rater: str) -> None:
        """Undo the last rating."""
        if done := self.done(rater):
            key = done[-1]["case"]
            self.save(rater, [one for one in self.every(rater) if not self.is_of(one, key)])

    def every(self, rater: str) -> list[Rating]:
        """Read all ratings of a rater, also of other systems."""
        return read_ratings(RATINGS / f"{rater}.jsonl")

    def is_of(self, row: Rating, key: str) -> bool:
        """Tell whether a rating is of this case and these systems."""
        return bool(row["systems"] == self.systems and row["case"] == key)

    def save(self, rater: str, rows: list[Rating]) -> None:
        """Replace the file atomically: `dvc add` may have made it a link into the cache."""
        with atomic_text(RATINGS / f"{rater}.jsonl") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())


def questions(old: str, new: str, part: str, most: int) -> list[Question]:
    """Draw at most `most` cases with different answers, by a hash."""
    for name in (old, new):
        if not (PREDICTIONS / f"{name}.jsonl").is_file():
            raise UserError(f"{PREDICTIONS}/{name}.jsonl is missing; `dvc repro eval` writes it")
    pairs = pairs_of(old, new)
    if not of_sets(pairs.new, part):
        raise UserError(f"{old} and {new} have no case of {part} in common")
    found = [
        question(before, after, old, new)
        for after, before in zip(pairs.new, pairs.old, strict=True)
        if after["set"] == part and after["output"] != before["output"]
    ]
    if not found:
        raise UserError(
            f"{old} and {new} have equal answers on all of {part}, so there is nothing to rate"
        )
    return sorted(found, key=lambda one: one.key)[:most]


def question(before: Prediction, after: Prediction, old: str, new: str) -> Question:
    """Return one case with its two answers."""
    answers = {old: str(before["output"]), new: str(after["output"])}
    expected = str(after.get("expected", ""))
    return Question(case_id({old: before, new: after}), after["prompt"], answers, expected)
