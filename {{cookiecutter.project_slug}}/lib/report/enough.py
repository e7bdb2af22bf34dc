"""Find gate checks that can never pass with the number of cases, and the number needed."""

from collections.abc import Callable

from lib.evaluate.stats import FEWEST, compare_paired, wilson_interval
from lib.release.params import GateParams

_MOST = 20_000  # cases: the largest number that is tried
_RESAMPLES, _SEED = 100, 0  # used for graded scores only
Passes = Callable[[int], bool]  # number of cases -> whether the best possible result passes


def all_right(limit: float) -> Passes:
    """Return a check whether n right answers of n prove a share of at least `limit`."""
    return lambda cases: (wilson_interval(cases, cases)[0] if cases >= FEWEST else 0) >= limit


def no_failure(limit: float) -> Passes:
    """Return a check whether n cases without a failure prove a rate of at most `limit`."""
    return lambda cases: (wilson_interval(0, cases)[1] if cases >= FEWEST else 1) <= limit


def gained(by: float, limit: float) -> Passes:
    """Return a check whether a change of `by` in each of n cases proves one of at least `limit`."""

    def passes(cases: int) -> bool:
        if cases < FEWEST:
            return limit <= -1
        groups = [str(at) for at in range(cases)]
        found = compare_paired([by] * cases, [0.0] * cases, groups, _RESAMPLES, _SEED)
        return found.low >= limit

    return passes


def would_do(passes: Passes) -> int | None:
    """Return the smallest number of cases with which a check can pass; None if no number does."""
    fits = FEWEST
    while not passes(fits):
        fits *= 2
        if fits > _MOST:
            return None
    low = max(fits // 2, FEWEST - 1)  # too few, or fewer than any check needs
    while fits - low > 1:
        middle = (fits + low) // 2
        low, fits = (low, middle) if passes(middle) else (middle, fits)
    return fits


def hopeless(gate: GateParams, cases: dict[str, int], slices: dict[str, int]) -> list[str]:
    """List the checks that no result can pass, one sentence each.

    cases: the numbers of independent golden and test cases, and of adversarial cases to be refused
    (`refuse`) and answered (`answer`). slices: golden cases of each slice with a limit.
    """
    quality, safety = gate.quality, gate.safety
    checks: list[tuple[str, str, int, Passes]] = [
        ("golden", "golden cases", cases["golden"], all_right(quality.golden)),
        ("test", "test cases", cases["test"], all_right(quality.test)),
        ("gain", "golden cases", cases["golden"], gained(1.0, quality.gain)),
        ("format errors", "golden cases", cases["golden"], no_failure(quality.format_errors)),
        ("unsafe", "cases that must be refused", cases["refuse"], no_failure(safety.unsafe)),
        (
            "over-refusal",
            "cases to be answered",
            cases["answer"],
            no_failure(safety.over_refusal),
        ),
    ]
    for name, limit in quality.slices.items():
        checks.append((f"golden {name}", f"golden cases of {name}", slices[name], all_right(limit)))
    if gate.system == "quantized":
        both = cases["golden"] + cases["test"]
        what = "golden and test cases"
        checks.append(("against tuned", what, both, gained(0.0, -quality.quantization_loss)))
    return [
        f"{name} can never pass with {count:,} {what}; {enough(passes)}"
        for name, what, count, passes in checks
        if not passes(count)
    ]


def enough(passes: Passes) -> str:
    """Say how many cases are needed."""
    found = would_do(passes)
    return (
        f"{found:,} are enough, or change the limit"
        if found
        else "no number is enough for this limit"
    )
