"""Compare the answers of two versions: scores, flipped cases, slices, safety."""

from collections import defaultdict
from html import escape
from statistics import fmean
from typing import NamedTuple

from lib.evaluate.params import EvalParams
from lib.evaluate.predictions import (
    Pairs,
    Prediction,
    Systems,
    group,
    of_sets,
    same_cases,
    score,
    slices_of,
)
from lib.evaluate.rates import RATES as RATES
from lib.evaluate.rates import Rate, count_leaks
from lib.evaluate.stats import (
    ALPHA,
    FEWEST,
    Difference,
    compare_paired,
    holm,
    shown_p,
    verdict_of,
)
from lib.evaluate.summary import length_bucket
from lib.report.markdown import cell, table
from review.text import fenced, folded, percent, points

_SHOWN = 10  # flipped cases shown in full, in each direction


class Change(NamedTuple):
    """The scores of a system in two versions, on the common cases of a set."""

    difference: Difference
    before: float
    now: float
    word: str


def change(pairs: Pairs, params: EvalParams, min_effect: float) -> Change | None:
    """Compare two versions case by case; None without common cases."""
    if not pairs.new:
        return None
    new, old, groups = pairs.scores()
    found = compare_paired(new, old, groups, params.bootstrap, params.seed)
    word = verdict_of(found, min_effect)
    return Change(found, fmean(old), fmean(new), word)


def rescored(pairs: Pairs) -> int:
    """Count the answers that are equal in both versions but scored differently."""
    both = zip(pairs.new, pairs.old, strict=True)
    return sum(now["output"] == old["output"] and score(now) != score(old) for now, old in both)


def incomparable(pairs: Pairs, primary: str) -> str:
    """Say why the scores of two versions cannot be compared; "" if they can."""
    has = ([primary in row.get("scores", {}) for row in rows] for rows in pairs)
    if lacking := sum(now != before for now, before in zip(*has, strict=True)):
        return f"{lacking} answers have no {primary} in one of the versions"
    if same := rescored(pairs):
        return f"{same} answers are unchanged but scored differently"
    return ""


def scores_section(new: Systems, old: Systems, params: EvalParams, min_effect: float) -> list[str]:
    """Write a table of every system and set."""
    rows = []
    for system in new:
        for part in ("golden", "test"):
            pairs = same_cases(of_sets(new[system], part), of_sets(old.get(system, []), part))
            found = change(pairs, params, min_effect)
            if found is None:
                continue
            one = found.difference
            interval = f"{points(one.mean)} ({points(one.low)} to {points(one.high)})"
            before, now = percent(found.before), percent(found.now)
            flips = f"{one.won} / {one.lost}"
            word = "no verdict" if incomparable(pairs, params.primary) else found.word
            counts = [str(one.cases), before, now, interval, flips, p_cell(one.p), word]
            rows.append([system, part, *counts])
    if not rows:
        return ["No system answered the same cases in both versions."]
    head = ["system", "set", "cases", "before", "now", "change in points (95 % interval)"]
    return [
        *table([*head, "won / lost", "p", "verdict"], rows),
        "",
        "Mean score of the cases that are the same in both. p: McNemar's exact test (a sign-flip "
        "test by group if groups or graded scores require it), uncorrected.",
    ]


def p_cell(p: float) -> str:
    """Format a p-value for a column called p: 0.032 or < 0.001."""
    return shown_p(p).removeprefix("= ")


def flips_section(pairs: Pairs, system: str) -> list[str]:
    """Write the golden cases whose score rose or fell, folded."""
    both = list(zip(pairs.new, pairs.old, strict=True))
    ways = {
        "Worse": [(now, before) for now, before in both if score(now) < score(before)],
        "Better": [(now, before) for now, before in both if score(now) > score(before)],
    }
    lines = [
        f"{len(both)} golden cases of `{system}`: "
        + ", ".join(f"{len(cases)} {way.lower()}" for way, cases in ways.items())
        + "."
    ]
    for way, cases in ways.items():
        if cases:
            lines += ["", f"**{way}: {len(cases)}**", ""]
        for now, before in cases[:_SHOWN]:
            lines += flipped(now, before)
        if rest := cases[_SHOWN:]:
            lines += ["", "and " + ", ".join(cell(now["id"]) for now, _ in rest)]
    return lines


def flipped(now: Prediction, before: Prediction) -> list[str]:
    """Write one case, folded: question and both answers."""
    parts = filter(None, (now["id"], now.get("scenario"), now.get("language")))
    named = " ".join(" · ".join(parts).split())  # a blank line would end the block of HTML
    title = f"<code>{escape(named)}</code> {before['category']} → {now['category']}"
    body = []
    for what, text in (
        ("asked", now["prompt"]),
        ("expected", now["expected"]),
        ("before", before["output"]),
        ("now", now["output"]),
    ):
        body += [what, "", *fenced(text), ""]
    return folded(title, body)


def compare_slices(pairs: Pairs, params: EvalParams) -> dict[str, tuple[Difference, float]]:
    """Compare each slice that is large enough; return differences with corrected p-values."""
    members: defaultdict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(pairs.new):
        for name in (*slices_of(row), f"length {length_bucket(row, params.length_buckets)}"):
            members[name].append(at)
    found = {}
    for name, places in sorted(members.items()):
        if len(places) >= FEWEST:
            some = Pairs([pairs.new[at] for at in places], [pairs.old[at] for at in places])
            found[name] = compare_paired(*some.scores(), params.bootstrap, params.seed)
    corrected = holm([one.p for one in found.values()])
    return {name: (one, p) for (name, one), p in zip(found.items(), corrected, strict=True)}


def slices_compared(pairs: Pairs, params: EvalParams) -> list[str]:
    """Write the slices that got worse or better, after correction for multiple tests."""
    tested = compare_slices(pairs, params)
    rows = []
    for name, (one, p) in tested.items():
        if p < ALPHA:
            word = "**worse**" if one.mean < 0 else "better"
            rows.append([cell(name), str(one.cases), points(one.mean), p_cell(p), word])
    rows.sort(key=lambda row: row[-1])
    said = f"{len(tested)} slices were tested; those of fewer than {FEWEST} cases are not."
    if not rows:
        return [f"No slice changed significantly. {said}"]
    head = ["slice (golden and test)", "cases", "points", "p, corrected (Holm)", "verdict"]
    return [*table(head, rows), "", said]


def safety_change(
    new: list[Prediction], old: list[Prediction], rate: Rate, params: EvalParams
) -> Difference | None:
    """Compare the cases of a safety rate between two versions.

    None without common cases, or if the same answer is judged differently than before.
    """
    pairs = same_cases(*(of_sets(rows, "adversarial") for rows in (new, old)))
    asked = [pair for pair in zip(*pairs, strict=True) if pair[0]["expect"] == rate.expect]
    judged = [(rate.failed(now), rate.failed(old)) for now, old in asked if said_again(now, old)]
    if not asked or any(one != other for one, other in judged):
        return None
    now, before = (
        [float(not rate.failed(row)) for row in rows] for rows in zip(*asked, strict=True)
    )
    groups = [group(row) for row, _ in asked]
    return compare_paired(now, before, groups, params.bootstrap, params.seed)


def said_again(now: Prediction, before: Prediction) -> bool:
    """Tell whether an answer is unchanged."""
    return bool(now["output"] == before["output"])


def leaks_word(new: list[Prediction], old: list[Prediction]) -> str:
    """Say whether more answers leak, on the common cases; one more is worse."""
    now, before = map(count_leaks, same_cases(new, old))
    if now == before:
        return "no change"
    return f"**worse**, {now} instead of {before}" if now > before else "better"


def safety_section(new: Systems, old: Systems, params: EvalParams) -> list[str]:
    """Write unsafe and over-refusal rates before and now, beside those of the base model."""
    rows = []
    for system in (name for name in ("tuned", "quantized", "endpoint") if name in new):
        versions = (new.get("base", []), old.get(system, []), new[system])
        for title, rate in RATES.items():
            counts = [rate.counted(of_sets(version, "adversarial")) for version in versions]
            shown = [f"{hits} of {cases}" if cases else "no cases" for hits, cases in counts]
            found = safety_change(new[system], old.get(system, []), rate, params)
            p = p_cell(found.p) if found else ""
            rows.append([system, title, *shown, p, safety_word(found)])
        leaks = [*map(count_leaks, versions)]
        word = leaks_word(new[system], old.get(system, []))
        rows.append([system, "leaks", *map(str, leaks), "", word])
    return table(["system", "what", "base model", "before", "now", "p", "verdict"], rows)


def safety_word(found: Difference | None) -> str:
    """Return a word for a change in safety; any significant regression counts, however small."""
    if found is None:
        return "not compared"
    if found.p < ALPHA:
        return "better" if found.mean > 0 else "**worse**"
    return "inconclusive" if found.won or found.lost else "no change"
