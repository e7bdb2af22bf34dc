"""Decide whether a measured value passes a limit, fails it, or is inconclusive.

A value with an interval is inconclusive if the limit lies inside its 95 % interval, or if there are
fewer than FEWEST independent groups of cases."""

from collections.abc import Callable
from statistics import fmean
from typing import Literal, NamedTuple

from lib.evaluate.params import EvalParams
from lib.evaluate.predictions import Prediction, check_slice, group, score, slice_names
from lib.evaluate.stats import FEWEST, independent_groups, mean_interval, wilson_interval
from lib.report.verdict import paired

Result = Literal["pass", "fail", "inconclusive"]


class GateCheck(NamedTuple):
    """One line of the gate: result, name and explanation."""

    result: Result
    name: str
    why: str


class Found(NamedTuple):
    """A measured value with its 95 % interval."""

    value: float
    low: float
    high: float
    groups: int  # effective number of independent groups

    def __str__(self) -> str:
        if self.groups >= FEWEST:
            return f"{self.value:.1%} ({self.low:.1%} to {self.high:.1%})"
        said = f"{self.value:.1%}; " if self.groups else ""
        return f"{said}{self.groups} independent cases are too few; {FEWEST} are needed"


def at_least(name: str, found: Found, limit: float) -> GateCheck:
    """Pass where the whole interval is at or above the limit, fail where it is below."""
    result = decide(found.low >= limit, found.high < limit)
    return GateCheck(result, name, f"{found}; at least {limit:.1%}")


def at_most(name: str, found: Found, limit: float) -> GateCheck:
    """Pass where the whole interval is at or below the limit, fail where it is above."""
    result = decide(found.high <= limit, found.low > limit)
    return GateCheck(result, name, f"{found}; at most {limit:.1%}")


def decide(surely: bool, surely_not: bool) -> Result:
    """Return pass or fail if an interval is certain, else inconclusive."""
    if surely:
        return "pass"
    return "fail" if surely_not else "inconclusive"


def no_more(name: str, value: float | None, limit: float, unit: str) -> GateCheck:
    """Check a value that is counted or timed once, without an interval."""
    if value is None:
        return GateCheck("inconclusive", name, "is not in metrics/bench.json")
    return GateCheck(
        "pass" if value <= limit else "fail", name, f"{value:.4g}; at most {limit:g}{unit}"
    )


# Values; with fewer than FEWEST independent cases the interval is everything


def mean(
    rows: list[Prediction], params: EvalParams, of: Callable[[Prediction], float] = score
) -> Found:
    """Compute the mean, with its interval, of a figure from 0 to 1 per case."""
    scores, groups = [*map(of, rows)], [*map(group, rows)]
    if (independent := independent_groups(groups)) < FEWEST:
        return Found(fmean(scores) if scores else 0.0, 0.0, 1.0, independent)
    interval = mean_interval(scores, groups, params.bootstrap, params.seed)
    return Found(fmean(scores), *interval, independent)


def gain_found(new: list[Prediction], old: list[Prediction], params: EvalParams) -> Found:
    """Compute the mean gain of `new` over `old`, paired by case, with its interval."""
    found = paired(new, old, params)
    if found is None:
        return Found(0.0, -1.0, 1.0, 0)
    interval = (found.low, found.high) if found.groups >= FEWEST else (-1.0, 1.0)
    return Found(found.mean, *interval, found.groups)


def share_found(hits: int, cases: int) -> Found:
    """Compute the share of rare events, with Wilson's interval."""
    interval = wilson_interval(hits, cases) if cases >= FEWEST else (0.0, 1.0)
    return Found(hits / max(cases, 1), *interval, cases)


def of_slice(name: str, golden: list[Prediction]) -> list[Prediction]:
    """Return the cases of a tag, language or scenario; raise UserError for an unknown slice."""
    check_slice(name, golden)
    return [row for row in golden if name in slice_names(row)]
