"""Summarize people's ratings: the preferred system, agreement, and position bias.

run     make ratings
reads   ratings/*.jsonl (written by `make rate`), predictions/*.jsonl
"""

from collections import defaultdict
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from lib.core.records import read_objects
from lib.evaluate.predictions import Pairs, Prediction, group, read_predictions, same_cases
from lib.evaluate.stats import ALPHA, compare_paired, shown_p, wilson_interval
from lib.report.markdown import table
from lib.runtime.errors import UserError, run

RATINGS = Path("ratings")
TIE = "tie"
_RESAMPLES, _SEED = 2000, 1

Rating = dict[str, Any]  # rater, systems (two), case, left, winner (a system, or tie)


def digest(text: str) -> str:
    """Hash a text, the same on every machine."""
    return sha256(text.encode()).hexdigest()


def case_id(rows: dict[str, Prediction]) -> str:
    """Return the id of a case with the answers of two systems, in either order.

    Ratings of earlier answers thus do not count for new ones.
    """
    one, other = (rows[system] for system in sorted(rows))
    shown = [one["set"], one["id"], one["prompt"], one["output"], other["output"]]
    return digest("\0".join(shown))[:16]


def pairs_of(old: str, new: str) -> Pairs:
    """List the cases that both systems answered."""
    return same_cases(read_predictions(new), read_predictions(old))


def read_ratings(path: Path) -> list[Rating]:
    """Read one rater's ratings, the last one for each case."""
    rows = list(read_objects(path)) if path.is_file() else []
    for number, row in enumerate(rows, start=1):
        if lacking := [key for key in ("systems", "case", "winner") if key not in row]:
            raise UserError(
                f"{path}:{number}: has no '{lacking[0]}'; `make rate` writes these lines; remove "
                "those written by hand"
            )
    return list({(*row["systems"], row["case"]): row for row in rows}.values())


def alpha(units: Iterable[list[str]]) -> float:
    """Compute Krippendorff's alpha of nominal values, given a list of the raters' values per unit.

    1: full agreement, 0: as by chance; nan if nothing can be compared or all values are equal.
    Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section C.
    """
    units = [values for values in units if len(values) > 1]
    totals: defaultdict[str, int] = defaultdict(int)
    observed = 0.0
    for values in units:
        for value in values:
            totals[value] += 1
            observed += (len(values) - values.count(value)) / (len(values) - 1)
    count = sum(totals.values())
    expected = sum(one * (count - one) for one in totals.values())
    return 1 - (count - 1) * observed / expected if expected else float("nan")


def preference(
    ratings: list[Rating], pairs: Pairs, old: str, new: str, who: str = "People prefer"
) -> list[str]:
    """Write wins, ties and the win rate; a tie is half a win."""
    both = zip(pairs.new, pairs.old, strict=True)
    groups = {case_id({old: before, new: after}): group(after) for after, before in both}
    points = [{new: 1.0, TIE: 0.5}.get(one["winner"], 0.0) for one in ratings]
    against = [1 - one for one in points]
    member = [groups[one["case"]] for one in ratings]
    found = compare_paired(points, against, member, _RESAMPLES, _SEED)
    mean, low, high = (0.5 + value / 2 for value in (found.mean, found.low, found.high))
    same = sum(o["output"] == n["output"] for n, o in zip(pairs.new, pairs.old, strict=True))
    said = f"These ratings show no difference between {new} and {old}"
    if found.p < ALPHA:
        said = f"{who} {new if mean > 0.5 else old}"
    said += f" (p {shown_p(found.p)}: how often chance alone gives this much)."
    rows = [
        ["ratings, of different cases", f"{len(points)}, {len({one['case'] for one in ratings})}"],
        [f"{new} preferred", str(found.won)],
        [f"{old} preferred", str(found.lost)],
        ["equally good", str(len(points) - found.won - found.lost)],
        [f"win rate of {new}", f"{mean:.1%} (95 % interval {low:.1%} to {high:.1%})"],
        ["equal answers, not shown", f"{same} of {len(pairs.new)} cases"],
    ]
    return [*table(["what", "answer"], rows), "", said]


def agreement(ratings: list[Rating]) -> str:
    """Write Krippendorff's alpha over the cases that several people rated."""
    units: defaultdict[str, list[str]] = defaultdict(list)
    for one in ratings:
        units[one["case"]].append(one["winner"])
    shared = [values for values in units.values() if len(values) > 1]
    if not shared:
        return "Agreement: no case was rated by two people."
    found = alpha(shared)
    value = "undefined, all ratings are equal" if found != found else f"{found:.2f}"
    return f"Agreement: Krippendorff's alpha {value} over {len(shared)} cases rated by several."


def position(ratings: list[Rating]) -> str:
    """Write whether people preferred a side rather than an answer."""
    decided = [one["winner"] == one["left"] for one in ratings if one["winner"] != TIE]
    low, high = wilson_interval(sum(decided), len(decided))
    said = "no sign of a bias" if low <= 0.5 <= high else "a BIAS: ask people to read both"
    return (
        f"Position: the left answer was chosen {sum(decided)} of {len(decided)} times "
        f"(95 % interval {low:.1%} to {high:.1%}): {said}."
    )


def results(old: str, new: str, ratings: list[Rating]) -> list[str]:
    """Return the summary of the ratings of two systems."""
    pairs = pairs_of(old, new)
    both = zip(pairs.new, pairs.old, strict=True)
    today = {case_id({old: before, new: after}) for after, before in both}
    current = [one for one in ratings if one["case"] in today]
    lines = [f"# {new} against {old}", ""]
    if gone := len(ratings) - len(current):
        lines += [f"{gone} ratings are of answers that have changed since, and do not count.", ""]
    if not current:
        return lines
    each = defaultdict[str, int](int)
    for one in current:
        each[one["rater"]] += 1
    raters = ", ".join(f"{name} {number}" for name, number in sorted(each.items()))
    lines += [*preference(current, pairs, old, new), "", f"Ratings by {raters}."]
    return [*lines, agreement(current), position(current), ""]


def read_folder() -> list[Rating]:
    """Read all people's ratings; a judge's verdicts have their own folder (review/judge.py)."""
    return [one for path in sorted(RATINGS.glob("*.jsonl")) for one in read_ratings(path)]


def rated_pairs(ratings: list[Rating]) -> dict[tuple[str, str], list[Rating]]:
    """Group the ratings by pair of systems."""
    found: defaultdict[tuple[str, str], list[Rating]] = defaultdict(list)
    for one in ratings:
        old, new = one["systems"]
        found[old, new].append(one)
    return dict(sorted(found.items()))


def main() -> None:
    """Print the results of every pair of systems that was rated."""
    ratings = read_folder()
    if not ratings:
        raise UserError(
            f"{RATINGS}/ has no ratings; `make rate` collects some, `dvc pull {RATINGS}` fetches "
            "those of others"
        )
    for (old, new), mine in rated_pairs(ratings).items():
        print("\n".join(results(old, new, mine)))


if __name__ == "__main__":
    run(main)
