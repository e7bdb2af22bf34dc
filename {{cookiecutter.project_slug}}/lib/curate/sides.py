"""Find two answers in a row, and the column that says which one is better."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from lib.curate.row import Row
from lib.intake.cells import Reject, cell_value
from lib.intake.unread import is_verdict, risk

_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_SIDES = (("0", "1"), ("1", "2"), ("a", "b"), ("left", "right"))
_ANSWERS = re.compile(
    r"(model_)?(response|completion|answer|candidate|generation|output|reply|conversation|messages"
    r"|chat|dialogue|summary|human_ref)"
)
_CHOICE = {"winner", "better", "preferred", "preference", "safer", "chosen"}
_SCORES = re.compile(r"score|scores|rating|ratings|reward|rewards|grade|quality")

_Score = tuple[str, Any]  # the name of a column or key, and its value


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
    """Raise Reject (`turned_round`) where the rejected answer of a pair has the better score."""
    good, bad = (cells.find(side)[0] for side in ("chosen", "rejected"))
    for one, other in [*scores_in_columns(cells, good, bad), *scores_beside(cells, good, bad)]:
        if lower(one[1], other[1]):
            raise Reject("turned_round", *(f"{name}: {value}" for name, value in (one, other)))


def scores_in_columns(cells: Row, good: str, bad: str) -> Iterator[tuple[_Score, _Score]]:
    """Yield the pairs of scores (chosen's, rejected's) that have a column each.

    Their names differ as the answers' do: score_chosen and score_rejected, or score_a and score_b
    for response_a and response_b.
    """
    swaps = [("chosen", "rejected")]
    words = words_of(good), words_of(bad)
    different = [both for both in zip(*words, strict=False) if both[0] != both[1]]
    if len(words[0]) == len(words[1]) and len(different) == 1:
        swaps += different
    names = [name for name in cells.row if name not in cells.mapping.ignored]
    scored = {words_of(name): name for name in names if _SCORES.search(name.lower())}
    for said, name in scored.items():
        for better, worse in swaps:
            other = scored.get(tuple(worse if word == better else word for word in said))
            if better in said and other:
                yield (name, cells.row[name]), (other, cells.row[other])


def scores_beside(cells: Row, good: str, bad: str) -> Iterator[tuple[_Score, _Score]]:
    """Yield the pairs of scores in the objects of both answers, or in a list parallel to theirs."""
    for name, value in cells.row.items():
        at = good.rpartition(".")[2], bad.rpartition(".")[2]
        if not isinstance(value, list) or name in cells.mapping.ignored:
            continue
        told = _SCORES.search(str(name).lower())
        if told and good != bad and all(one.isdecimal() and int(one) < len(value) for one in at):
            yield (name, value[int(at[0])]), (name, value[int(at[1])])
    sides = [object_of(cells.row, path) for path in (good, bad)]
    for name in sides[0].keys() & sides[1].keys():
        if _SCORES.search(str(name).lower()) and name not in cells.mapping.ignored:
            yield (str(name), sides[0][name]), (str(name), sides[1][name])


def object_of(row: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the object that is or contains an answer; {} for a plain one."""
    for at in (path, path.rpartition(".")[0]):
        value = cell_value(row, at) if at else None
        if isinstance(value, dict):
            return value
    return {}


def lower(one: Any, other: Any) -> bool:
    """Tell whether a score is below another; False if either is not a number."""
    try:
        return float(one) < float(other)
    except (TypeError, ValueError):
        return False


@cache
def words_of(name: str) -> tuple[str, ...]:
    """Split a column's name into lower-case words: responseA into response, a."""
    return tuple(word.lower() for word in _PARTS.findall(name))
