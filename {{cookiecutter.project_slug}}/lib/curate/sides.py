"""Find two answers in a row, and the column that says which one is better."""

import re
from typing import Any, NamedTuple

from lib.curate.row import Row
from lib.intake.cells import Reject
from lib.intake.unread import is_verdict, risk

_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_SIDES = (("0", "1"), ("1", "2"), ("a", "b"), ("left", "right"))
_ANSWERS = re.compile(
    r"(model_)?(response|completion|answer|candidate|generation|output|reply|conversation|messages"
    r"|chat|dialogue|summary|human_ref)"
)
_CHOICE = {"winner", "better", "preferred", "preference", "safer", "chosen"}
_SCORES = re.compile(r"score|scores|rating|ratings|reward|rewards|grade|quality")


class TwoAnswers(NamedTuple):
    """Columns of two answers, and the one that says which is better."""

    one: str
    other: str
    judged_by: str
    says_one: str  # jq condition under which `one` is better
    says_other: str


def two_answers(row: dict[str, Any]) -> TwoAnswers | None:
    """Find two answers and the column that says which is better; None if either is missing."""
    names = {"_".join(words_of(name)): name for name in row}
    for flat, name in names.items():
        kind, _, side = flat.rpartition("_")
        for one, other in _SIDES if _ANSWERS.fullmatch(kind) else ():
            if side == one and f"{kind}_{other}" in names:
                told = judging(row)
                return TwoAnswers(name, names[f"{kind}_{other}"], *told) if told else None
    return None


def judging(row: dict[str, Any]) -> tuple[str, str, str] | None:
    """Find the column that says which answer is better, and the jq condition for each."""
    first = sorted(row, key=lambda name: _CHOICE.isdisjoint(words_of(name)))
    for name, value in ((name, row[name]) for name in first):
        if risk(name) != "verdict" or not is_verdict(name, value, pair=True):
            continue
        words = words_of(name)
        if isinstance(value, str) and not value.isdecimal():
            return name, '== "model_a"', '== "model_b"'
        if isinstance(value, bool):
            return name, "== true", "== false"
        if words[-1] in ("id", "idx", "index"):
            return name, "== 0", "== 1"
        if "preference" in words:  # 1, 2 or a number between
            return name, "< 1.5", "> 1.5"
        return name, "> 0.5", "< 0.5"
    return None


def check_scores(cells: Row) -> None:
    """Raise Reject (`turned_round`) where the rejected answer of a pair has the better score.

    Score columns are those whose names differ in the same way as the answers': score_chosen and
    score_rejected, or score_a and score_b where response_a is mapped to chosen.
    """
    swaps = [("chosen", "rejected")]
    good, bad = (words_of(cells.find(side)[0]) for side in ("chosen", "rejected"))
    different = [both for both in zip(good, bad, strict=False) if both[0] != both[1]]
    if len(good) == len(bad) and len(different) == 1:
        swaps += different
    names = [name for name in cells.row if name not in cells.mapping.ignored]
    scored = {tuple(words_of(name)): name for name in names if _SCORES.search(name.lower())}
    for words, name in scored.items():
        for better, worse in swaps:
            other = scored.get(tuple(worse if word == better else word for word in words))
            if better in words and other and lower(cells.row[name], cells.row[other]):
                found = (f"{name}: {cells.row[name]}", f"{other}: {cells.row[other]}")
                raise Reject("turned_round", *found)


def lower(one: Any, other: Any) -> bool:
    """Tell whether a score is below another; False if either is not a number."""
    try:
        return float(one) < float(other)
    except (TypeError, ValueError):
        return False


def words_of(name: str) -> list[str]:
    """Split a column's name into lower-case words: responseA into response, a."""
    return [word.lower() for word in _PARTS.findall(name)]
