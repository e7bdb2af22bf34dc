"""Compute confidence intervals and paired tests for scores of cases in groups.

Scores are floats from 0 to 1, one per case. Cases of one `group` are not independent: whole groups
are resampled or flipped, never single cases, and the effective number of cases is used.
"""

from math import ceil, comb, sqrt
from statistics import NormalDist, fmean
from typing import Literal, NamedTuple

import numpy as np

ALPHA = 0.05  # intervals hold 95 %, tests are two-sided at 5 %
_POWER = 0.8
Z_ALPHA = NormalDist().inv_cdf(1 - ALPHA / 2)
Z_POWER = NormalDist().inv_cdf(_POWER)
AT_ONCE = 100  # resamples in memory at a time
FEWEST = 10  # groups needed for a verdict: with fewer, hardly any difference is significant
FLIPS = 9_999  # behind a p-value: the smallest, 0.0001, survives correction for 500 slices
_WRITTEN = 12  # decimals; beyond, a sum in another order rounds differently

Verdict = Literal["better", "worse", "no change", "inconclusive"]


class Difference(NamedTuple):
    """The difference of two systems on the same cases, new minus old."""

    cases: int
    groups: int  # effective number of groups of equal size
    mean: float
    low: float  # the 95 % interval of the mean
    high: float
    p: float  # two-sided, of the hypothesis of no difference
    won: int  # cases with a higher score
    lost: int


def mean_interval(
    scores: list[float], groups: list[str], resamples: int, seed: int
) -> tuple[float, float]:
    """Compute the 95 % interval of a mean score.

    For 0/1 scores it is Wilson's interval with the effective number of independent cases (Dean &
    Pagano, 2015): a bootstrap is too narrow for few cases or equal scores. For graded scores it is
    the union of a bootstrap over groups and a normal interval with a 0 and a 1 added.
    """
    if not set(scores) <= {0.0, 1.0}:
        drawn = bootstrap_interval(scores, groups, resamples, seed)
        return widest([drawn, adjusted_interval(scores, groups, (0.0, 1.0))], 0.0, 1.0)
    independent = effective(scores, groups)
    return wilson_interval(independent * fmean(scores), independent)


def effective(values: list[float], groups: list[str]) -> float:
    """Return the effective number of independent cases (Kish, 1965, ch. 8).

    That is the number of cases if those of a group are unrelated, and the number of groups if they
    are equal.
    """
    names, member = np.unique(groups, return_inverse=True)
    off = np.array(values) - fmean(values)
    if not off.any():
        return len(names)
    spread = float((np.bincount(member, weights=off) ** 2).sum())
    return min(len(values) * float((off**2).sum()) / spread, len(values)) if spread else len(values)


def bootstrap_interval(
    values: list[float], groups: list[str], resamples: int, seed: int
) -> tuple[float, float]:
    """Compute the 95 % bootstrap interval of the mean, resampling whole groups.

    Percentile method (Efron & Tibshirani, 1993, ch. 13)."""
    names, member = np.unique(groups, return_inverse=True)
    sums = np.bincount(member, weights=values, minlength=len(names))
    sizes = np.bincount(member, minlength=len(names))
    random = np.random.default_rng(seed)
    means = np.empty(resamples)
    for at in range(0, resamples, AT_ONCE):
        draws = random.integers(len(names), size=(min(AT_ONCE, resamples - at), len(names)))
        means[at : at + AT_ONCE] = sums[draws].sum(axis=1) / sizes[draws].sum(axis=1)
    low, high = np.quantile(means, [ALPHA / 2, 1 - ALPHA / 2])
    return float(low), float(high)


def wilson_interval(hits: float, cases: float) -> tuple[float, float]:
    """Compute the 95 % interval (low, high) of the share hits / cases (Wilson, 1927).

    It is valid for rare events, too: for 0 hits in 20 cases a bootstrap gives 0 to 0, this one 0 to
    16 %. `cases` may be an effective, fractional number. Without cases: 0 to 1.
    """
    if not cases:
        return 0.0, 1.0
    share, spread = hits / cases, Z_ALPHA**2 / cases
    centre = (share + spread / 2) / (1 + spread)
    half = sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return max(round(centre - half, _WRITTEN), 0.0), min(round(centre + half, _WRITTEN), 1.0)


def change_interval(
    change: list[float], groups: list[str], resamples: int, seed: int
) -> tuple[float, float]:
    """Compute the 95 % interval of a mean change.

    For changes of -1, 0 or 1 it is the adjusted Wald interval (Agresti & Min, 2005): a bootstrap is
    too narrow where few or no cases differ. For graded changes see mean_interval.
    """
    half = sqrt(0.5)  # two added cases that together count as one that differs
    found = [adjusted_interval(change, groups, (-half, half))]
    if not set(change) <= {-1.0, 0.0, 1.0}:
        found.append(bootstrap_interval(change, groups, resamples, seed))
    return widest(found, -1.0, 1.0)


def adjusted_interval(
    values: list[float], groups: list[str], more: tuple[float, float]
) -> tuple[float, float]:
    """Compute the normal 95 % interval of the mean with two extreme cases added.

    So values that happen to be equal do not give an interval of width 0 (after Agresti & Min,
    2005).
    """
    cases = effective(values, groups)
    both = np.array([np.mean(values), np.mean(np.square(values))]) * cases
    both += [sum(more), sum(one**2 for one in more)]
    centre, square = (both / (cases + 2)).tolist()
    half = Z_ALPHA * sqrt(max(square - centre**2, 0.0) / (cases + 2))
    return centre - half, centre + half


def widest(found: list[tuple[float, float]], least: float, most: float) -> tuple[float, float]:
    """Return the union of some intervals, within the possible values."""
    low, high = min(one[0] for one in found), max(one[1] for one in found)
    return max(round(low, _WRITTEN), least), min(round(high, _WRITTEN), most)


def independent_groups(groups: list[str]) -> int:
    """Return the effective number of groups of one size (Kish, 1965).

    A group with most of the cases decides nearly alone, however many other groups there are.
    """
    _, sizes = np.unique(groups, return_counts=True)
    return int(sizes.sum() ** 2 // (sizes**2).sum()) if len(sizes) else 0


def compare_paired(
    new: list[float], old: list[float], groups: list[str], resamples: int, seed: int
) -> Difference:
    """Compare scores case by case, `new` with `old`: mean change, interval, p-value.

    All lists have one item for each case, in the same order; cases of one group (a customer, say)
    are resampled and flipped together. See change_interval and sign_flip for the methods.
    """
    change = [one - other for one, other in zip(new, old, strict=True)]
    low, high = change_interval(change, groups, resamples, seed)
    return Difference(
        cases=len(change),
        groups=independent_groups(groups),
        mean=fmean(change),
        low=low,
        high=high,
        p=sign_flip(change, groups, FLIPS, seed),
        won=sum(value > 0 for value in change),
        lost=sum(value < 0 for value in change),
    )


def sign_flip(change: list[float], groups: list[str], flips: int, seed: int) -> float:
    """Compute the two-sided p-value of no difference by flipping the signs of whole groups.

    The paired permutation test (Good, 2005, ch. 3). Where each group's change is -1, 0 or 1 it is
    McNemar's exact test, and computed as such; otherwise signs are drawn `flips` times.
    """
    _, member = np.unique(groups, return_inverse=True)
    sums = np.round(np.bincount(member, weights=change), _WRITTEN)
    sums = sums[sums != 0]
    if set(np.abs(sums)) <= {1.0}:
        return mcnemar(int((sums > 0).sum()), int((sums < 0).sum()))
    random, found, as_much = np.random.default_rng(seed), abs(round(sums.sum(), _WRITTEN)), 0
    for at in range(0, flips, AT_ONCE):
        signs = random.integers(2, size=(min(AT_ONCE, flips - at), len(sums))) * 2 - 1
        as_much += int((np.round(np.abs(signs @ sums), _WRITTEN) >= found).sum())
    return (as_much + 1) / (flips + 1)


def mcnemar(won: int, lost: int) -> float:
    """Compute the exact two-sided p-value of `won` against `lost` cases (McNemar, 1947)."""
    differ, fewer = won + lost, min(won, lost)
    chance = tail = comb(differ, fewer) / 2**differ  # integers until the division
    for count in range(fewer, 0, -1):
        chance *= count / (differ - count + 1)  # the probability of one fewer
        tail += chance
    return min(1.0, 2 * tail)


def holm(p_values: list[float]) -> list[float]:
    """Correct p-values for multiple tests (Holm, 1979), so that any false alarm has at most 5 %."""
    order = np.argsort(p_values, kind="stable")
    steps = np.array(p_values)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in corrected]


def shown_p(p: float) -> str:
    """Format a p-value as `= 0.032` or `< 0.001`."""
    return f"= {p:.3f}" if p >= 0.001 else "< 0.001"


def verdict_of(difference: Difference, min_effect: float) -> Verdict:
    """Return the verdict on a difference; `min_effect` is the smallest one that matters.

    no change: no case differs, or the interval is within +- min_effect; inconclusive: both no
    difference and one of min_effect are possible, or there are fewer than FEWEST independent
    groups.
    """
    if difference.groups < FEWEST:
        return "inconclusive"
    if not difference.won and not difference.lost:
        return "no change"
    if -min_effect <= difference.low and difference.high <= min_effect:
        return "no change"
    if difference.p < ALPHA and difference.low > 0:
        return "better"
    if difference.p < ALPHA and difference.high < 0:
        return "worse"
    return "inconclusive"


def smallest_detectable(groups: int, variance: float) -> float:
    """Return the difference that a paired test of `groups` groups finds at least 80 % of the time.

    `variance`: of a group's change; for 0/1 scores the share of cases that differ. Lachin (1992)
    with the variance under the null hypothesis, plus one case for the exact test.
    """
    return (Z_ALPHA + Z_POWER) * sqrt(variance / groups) + 1 / groups


def cases_needed(min_effect: float, variance: float) -> int:
    """Estimate how many groups it takes for `smallest_detectable` to be this small."""
    return ceil(((Z_ALPHA + Z_POWER) / min_effect) ** 2 * variance)
