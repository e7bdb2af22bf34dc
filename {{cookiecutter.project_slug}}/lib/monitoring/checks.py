"""Test a window against the release and against limits: which differences are not chance?

There are three kinds of tests, from scipy: for the rise of a share, the probability of that many
events given the release (beta-binomial with Jeffreys' prior, since the release is a sample, too);
the chi-squared test of homogeneity for distributions; the binomial test against a limit. P-values
are corrected for the number of tests (Holm, 1979), so that the probability of any false alarm is at
most alpha: four fifths of it for rises, which are rare events and hard to detect, the rest for the
other tests. With many requests every difference is significant, so an alarm must also reach
monitor.min_effect.
"""

from collections import Counter
from math import fsum
from typing import Literal, NamedTuple

from lib.evaluate.stats import holm
from lib.monitoring.params import MonitorParams
from lib.monitoring.signals import Counts

TO_RISES = 0.8  # of alpha
_FEWEST = 30  # fewest answers at release for testing a share
RARE = 5  # fewest expected counts in a cell of the chi-squared test (Cochran, 1954)
RISES = (  # events of which more than at release are an alarm
    "empty_answers",
    "format_errors",
    "injection_tries",
    "injections_answered",
    "refusals",
    "repetition",
    "tool_calls",
    "truncated_answers",
    "unfamiliar_requests",
    "unknown_labels",
    "distant_requests",
)
LIMITED = ("errors", "slow", "negative_feedback")  # without a value at release
SHIFTS = {"answer": "label_shift", "language": "language_shift"}  # others: NAME_shift

CheckKind = Literal["rise", "shift", "limit", "incident"]


class Check(NamedTuple):
    """One comparison of shares, `now` and `then`; for a shift, `now` is the share that moved."""

    alarm: str  # its name in docs/runbook.md
    subject: str  # the signal that was compared
    kind: CheckKind
    now: float
    then: float  # at release, or the limit
    p: float  # corrected; 1 if there was no test
    fired: bool

    def __str__(self) -> str:
        if self.kind == "incident":
            return f"{self.now:.0f}, at most {self.then:.0f}"
        if self.kind == "shift":
            return f"{self.now:.1%} of requests have moved (p {self.p:.2g})"
        then = "at most" if self.kind == "limit" else "at release"
        return f"{self.now:.1%}, {then} {self.then:.1%} (p {self.p:.2g})"


def compare(window: Counts, release: Counts, params: MonitorParams) -> list[Check]:
    """Run all tests for which the window has data; p-values are corrected for their number."""
    rises = [_rise(name, window, release) for name in RISES if _testable(name, window, release)]
    others = [
        _shift(name, window.spreads[name], release.spreads[name])
        for name in sorted(window.spreads.keys() & release.spreads.keys())
    ]
    others += [_limit(name, window, params) for name in LIMITED if window.of[name]]
    checks = _corrected(rises, TO_RISES) + _corrected(others, 1 - TO_RISES)
    return [
        check._replace(fired=check.p < params.alpha and _matters(check, params)) for check in checks
    ]


def _corrected(checks: list[Check], part: float) -> list[Check]:
    """Correct the p-values of some checks, which share a part of alpha."""
    p_values = holm([check.p for check in checks])
    return [check._replace(p=min(p / part, 1.0)) for check, p in zip(checks, p_values, strict=True)]


def _matters(check: Check, params: MonitorParams) -> bool:
    if check.kind == "shift":
        return check.now >= params.min_effect.shift
    return check.kind == "limit" or check.now - check.then >= params.min_effect.rate


def _testable(name: str, window: Counts, release: Counts) -> bool:
    """Tell whether an event can be tested: one that never happened cannot have risen."""
    seen = window.seen[name] + release.seen[name]
    return bool(seen and window.of[name] and release.of[name] >= _FEWEST)


def _rise(name: str, window: Counts, release: Counts) -> Check:
    from scipy.stats import betabinom

    seen, of = release.seen[name], release.of[name]
    after = betabinom(window.of[name], seen + 0.5, of - seen + 0.5)
    p = float(after.sf(window.seen[name] - 1))  # at least as many
    return Check(name, name, "rise", window.rate(name), release.rate(name), p, False)


def _shift(name: str, now: Counter[str], then: Counter[str]) -> Check:
    from scipy.stats import chi2_contingency

    table = [[ours, theirs] for ours, theirs in merged(now, then)]
    p = float(chi2_contingency(table, correction=False).pvalue) if len(table) > 1 else 1.0
    base = name.partition(".")[0]
    alarm = SHIFTS.get(base, f"{base}_shift")
    return Check(alarm, name, "shift", distance(now, then), 0.0, p, False)


def _limit(name: str, window: Counts, params: MonitorParams) -> Check:
    from scipy.stats import binomtest

    limit = float(getattr(params.limits, name))
    test = binomtest(window.seen[name], window.of[name], limit, alternative="greater")
    return Check(name, name, "limit", window.rate(name), limit, float(test.pvalue), False)


def merged(now: Counter[str], then: Counter[str]) -> list[tuple[int, int]]:
    """Return (window, release) counts by value; values too rare for the test are merged."""
    total, ours = now.total() + then.total(), min(now.total(), then.total())
    cells, rare = [], [0, 0]
    for value in sorted(now.keys() | then.keys()):
        if (now[value] + then[value]) * ours / total >= RARE:
            cells.append((now[value], then[value]))
        else:
            rare = [rare[0] + now[value], rare[1] + then[value]]
    return [*cells, (rare[0], rare[1])] if any(rare) else cells


def distance(now: Counter[str], then: Counter[str]) -> float:
    """Compute the total variation distance, 0 to 1: the share of requests that moved."""
    values = now.keys() | then.keys()
    return fsum(abs(now[one] / now.total() - then[one] / then.total()) for one in values) / 2
