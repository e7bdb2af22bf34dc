"""Summarize a judge's verdicts, and how far people agree with them."""

from collections import Counter, defaultdict
from typing import Any

from lib.evaluate.stats import wilson_interval
from review.agreement import kappa, single
from review.ratings import (
    TIE,
    Rating,
    alpha,
    pairs_of,
    preference,
    read_folder,
)
from review.study import Question

UNCLEAR = "unclear"  # a verdict other than the allowed ones
JudgeVerdict = dict[str, Any]  # a kept verdict with case, left and winner, of the compared systems


def outcomes(verdicts: list[JudgeVerdict]) -> dict[str, str]:
    """Map each case to who won in both positions.

    TIE if the positions differ, UNCLEAR if one verdict is unclear.
    """
    by_case: defaultdict[str, list[str]] = defaultdict(list)
    for one in verdicts:
        by_case[one["case"]].append(one["winner"])
    both = {case: set(winners) for case, winners in by_case.items() if len(winners) == 2}
    return {
        case: UNCLEAR if UNCLEAR in winners else min(winners) if len(winners) == 1 else TIE
        for case, winners in both.items()
    }


def people(ratings: list[Rating], old: str, new: str) -> dict[str, str]:
    """Map each case to the majority of people; TIE if they are split evenly."""
    votes: defaultdict[str, int] = defaultdict(int)
    for one in ratings:
        votes[one["case"]] += {new: 1, old: -1}.get(one["winner"], 0)
    return {case: new if vote > 0 else old if vote < 0 else TIE for case, vote in votes.items()}


def trust(found: dict[str, str], verdicts: list[JudgeVerdict], said: dict[str, str]) -> list[str]:
    """Write how consistent the judge is, and its agreement with people."""
    decided = [one for one in verdicts if one["winner"] not in (TIE, UNCLEAR)]
    first = sum(one["winner"] == one["left"] for one in decided)
    low, high = wilson_interval(first, len(decided))
    unclear = sum(one["winner"] == UNCLEAR for one in verdicts)
    clear = [case for case, winner in found.items() if winner != UNCLEAR]
    kinds = Counter(case for case, _ in {(one["case"], one["winner"]) for one in verdicts})
    steady = sum(kinds[case] == 1 for case in clear)
    lines = [
        f"Consistency: the same verdict in both positions in {steady} of {len(clear)} cases.",
        f"Position: answer A won {first} of {len(decided)} times (95 % interval {low:.1%} to "
        f"{high:.1%}).",
        f"Malformed: {unclear} of {len(verdicts)} verdicts; their cases do not count.",
    ]
    shared = [case for case in clear if case in said]
    if not shared:
        return [
            *lines,
            "Agreement with people: no case was rated by both; `make rate` collects ratings.",
        ]
    same = sum(found[case] == said[case] for case in shared)
    pairs = [(found[case], said[case]) for case in shared]
    agreed = kappa(pairs)
    value = f"{agreed.kappa:.2f} (95 % interval {agreed.low:.2f} to {agreed.high:.2f})"
    if agreed.kappa != agreed.kappa:
        value = "not defined, because people and judge gave the same single verdict"
    elif single(pairs):
        value = "0.00, because people or the judge gave a single verdict"
    above = alpha([found[case], said[case]] for case in shared)
    value += f", Krippendorff's alpha {f'{above:.2f}' if above == above else 'not defined'}"
    lines.append(
        f"Agreement with people: {same} of {len(shared)} cases, Cohen's kappa {value}. Below 0.6, "
        "do not rely on the judge."
    )
    return lines


def judge_report(
    cases: list[Question], old: str, new: str, verdicts: list[JudgeVerdict]
) -> list[str]:
    """Return the summary of the judge's verdicts on these cases."""
    found = outcomes(verdicts)
    lines = [f"# {new} against {old}, by a judge", ""]
    if missing := len(cases) - len(found):
        lines += [f"{missing} of {len(cases)} cases are not judged yet.", ""]
    counted = [
        {"case": case, "winner": winner} for case, winner in found.items() if winner != UNCLEAR
    ]
    if counted:
        lines += [*preference(counted, pairs_of(old, new), old, new, "The judge prefers"), ""]
    ratings = [one for one in read_folder() if set(one["systems"]) == {old, new}]
    tokens = [sum(one[name] for one in verdicts) for name in ("input_tokens", "output_tokens")]
    lines += trust(found, verdicts, people(ratings, old, new))
    return [*lines, f"Tokens of these verdicts: {tokens[0]:,} in, {tokens[1]:,} out.", ""]
