"""Statistics of the review: equal to other libraries, quiet on equal models, and how much they see.

usage   python -m benchmarks.eval.stats [PAIRS]       (1,000 simulated pairs; one CPU minute)
needs   pip install scipy==1.17.1 statsmodels==0.15.0 (the peers; no dependencies of the project)
prints  four tables: largest differences from the peers; alarms on equal pairs; power; how often a
        model that is exactly at a limit of the gate passes, which is to be at most 2.5 %

A pair is two systems on the same cases. Equal ones are right with the same probability, case by
case, and differ by chance in a given share of the cases.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).parents[2] / "{{cookiecutter.project_slug}}"
sys.path.insert(0, str(PROJECT))

from lib.evaluate.params import EvalParams  # noqa: E402
from lib.evaluate.predictions import Pairs, Prediction  # noqa: E402
from lib.evaluate.stats import (  # noqa: E402
    ALPHA,
    bootstrap_interval,
    compare_paired,
    holm,
    mcnemar,
    sign_flip,
    smallest_detectable,
    verdict_of,
    wilson_interval,
)
from review.answers import compare_slices  # noqa: E402
from review.limits import Found, at_least, gain_found, mean  # noqa: E402
from scipy.stats import binomtest, bootstrap, permutation_test  # noqa: E402
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_peer  # noqa: E402
from statsmodels.stats.multitest import multipletests  # noqa: E402
from statsmodels.stats.proportion import proportion_confint  # noqa: E402

RESAMPLES = 1000
PARAMS = EvalParams(bootstrap=RESAMPLES, seed=1)
SMALLEST = 0.01  # gate.min_effect of a new project
LOSS = 0.05  # gate.quality.quantization_loss
GOLDEN, TEST, TEST_GROUPS = 113, 301, 242  # of the sample

KINDS = {"scenario": 9, "language": 4, "tag": 7}  # slices of each kind, 20 in all

Random = np.random.Generator
Scores = tuple[list[float], list[float], list[str]]  # new, old, groups


def agreement() -> Iterator[tuple[str, str, float]]:
    """(function, peer, largest absolute difference)."""
    random = np.random.default_rng(0)
    counts = [(int(a), int(b)) for a, b in random.integers(0, 60, (500, 2))]
    counts += [(9_800, 10_200), (10, 2_000), (50_000, 50_000)]
    ours = [mcnemar(*pair) for pair in counts]
    peer = [binomtest(a, a + b).pvalue if a + b else 1.0 for a, b in counts]
    yield "mcnemar", "scipy binomtest", largest(ours, peer)
    peer = [mcnemar_peer([[9, a], [b, 9]], exact=True).pvalue for a, b in counts]
    yield "mcnemar", "statsmodels mcnemar", largest(ours, peer)
    shares = [(int(random.integers(n + 1)), int(n)) for n in random.integers(1, 400, 500)]
    ours = [bound for pair in shares for bound in wilson_interval(*pair)]
    peer = [bound for pair in shares for bound in proportion_confint(*pair, method="wilson")]
    yield "wilson_interval", "statsmodels proportion_confint", largest(ours, peer)
    lists = [list(random.random(int(n))) for n in random.integers(1, 30, 200)]
    ours = [p for one in lists for p in holm(one)]
    peer = [p for one in lists for p in multipletests(one, method="holm")[1]]
    yield "holm", "statsmodels multipletests", largest(ours, peer)
    changes = [random.normal(0.3, 1.0, 10) for _ in range(50)]
    ids = [str(at) for at in range(10)]
    ours = [sign_flip(list(one), ids, 20_000, 1) for one in changes]
    peer = [exact_flips(one) for one in changes]
    yield "sign_flip, 20,000 draws", "scipy permutation_test, exact", largest(ours, peer)
    values = [list(random.random(100)) for _ in range(50)]
    ids = [str(at) for at in range(100)]
    ours = [bound for one in values for bound in bootstrap_interval(one, ids, 20_000, 1)]
    peer = [bound for one in values for bound in percentile(one, 20_000)]
    yield "bootstrap_interval, 20,000 draws", "scipy bootstrap, percentile", largest(ours, peer)


def largest(ours: list[float], peer: list[float]) -> float:
    """The largest absolute difference."""
    return float(np.max(np.abs(np.array(ours) - np.array(peer, dtype=float))))


def exact_flips(change: np.ndarray) -> float:
    """scipy's exact paired permutation test of the mean."""
    found = permutation_test(
        (change, -change), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=9**9
    )
    return float(found.pvalue)


def percentile(values: list[float], resamples: int) -> tuple[float, float]:
    """scipy's percentile interval of the mean."""
    found = bootstrap(
        (np.array(values),), np.mean, n_resamples=resamples, method="percentile", random_state=2
    )
    return found.confidence_interval.low, found.confidence_interval.high


def binary(random: Random, cases: int, differ: float, drop: float = 0.0) -> Scores:
    """Independent cases; the new system is worse by `drop` and differs on a share `differ`."""
    draw = random.random(cases)
    lost, won = (differ + drop) / 2, (differ - drop) / 2
    both = (draw >= differ) & (random.random(cases) < 0.65)
    new = both | ((draw >= lost) & (draw < lost + won))
    old = both | (draw < lost)
    ids = [str(at) for at in range(cases)]
    return [float(x) for x in new], [float(x) for x in old], ids


def grouped(random: Random, cases: int, groups: int, differ: float) -> Scores:
    """Cases of which those of one group share their fate."""
    new, old, _ = binary(random, groups, differ)
    member = [*range(groups), *random.integers(groups, size=cases - groups)]
    return [new[at] for at in member], [old[at] for at in member], [str(at) for at in member]


def graded(random: Random, cases: int) -> Scores:
    """Scores between 0 and 1, such as field F1, with noise of both systems."""
    hard = random.random(cases)
    new, old = (np.round(np.clip(hard + random.normal(0, 0.15, cases), 0, 1), 2) for _ in "ab")
    return list(new), list(old), [str(at) for at in range(cases)]


def alarms(make: Callable[[Random], Scores], pairs: int) -> Counter[str]:
    """Verdicts on so many pairs, and how often the gate's `against tuned` fails."""
    random, words = np.random.default_rng(7), Counter[str]()
    for seed in range(pairs):
        found = compare_paired(*make(random), RESAMPLES, seed)
        words[verdict_of(found, SMALLEST)] += 1
        check = at_least("", Found(found.mean, found.low, found.high, found.groups), -LOSS)
        words["gate " + check.result] += 1
    return words


def passes(cases: int, pairs: int) -> tuple[float, float]:
    """How often so many cases pass at the limit: a score of 70 %, and a loss against tuned."""
    random, score, loss = np.random.default_rng(9), 0, 0
    for seed in range(pairs):
        right = [row(float(x), [], str(at)) for at, x in enumerate(random.random(cases) < 0.7)]
        score += at_least("", mean(right, PARAMS), 0.7).result == "pass"
        new, old, ids = binary(random, cases, 0.1, LOSS)
        versions = [
            [row(x, [], key) for x, key in zip(one, ids, strict=True)] for one in (new, old)
        ]
        found = gain_found(versions[0], versions[1], PARAMS.model_copy(update={"seed": seed}))
        loss += at_least("", found, -LOSS).result == "pass"
    return score / pairs, loss / pairs


def slice_alarms(pairs: int) -> int:
    """Equal pairs of which any slice, of 20 that overlap, is called better or worse."""
    random, hit = np.random.default_rng(8), 0
    for _ in range(pairs):
        new, old, groups = binary(random, GOLDEN + TEST, 0.15)
        names = [[f"{what} {random.integers(n)}" for what, n in KINDS.items()] for _ in new]
        rows = [
            [row(score, name, key) for score, name, key in zip(scores, names, groups, strict=True)]
            for scores in (new, old)
        ]
        found = compare_slices(Pairs(*rows), PARAMS)
        hit += any(p < ALPHA for _, p in found.values())
    return hit


def row(score: float, names: list[str], key: str) -> Prediction:
    """A row of predictions that lies in these slices."""
    return {
        "set": "golden",
        "score": score,
        "group": key,
        "id": key,
        "tags": names,
        "prompt": "",
    }


def table(head: list[str], rows: list[list[str]]) -> None:
    """Markdown on standard output."""
    print(f"\n| {' | '.join(head)} |\n|{' --- |' * len(head)}")
    for cells in rows:
        print(f"| {' | '.join(cells)} |")


def main() -> None:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    table(
        ["ours", "peer", "largest difference"],
        [[name, peer, f"{value:.1e}"] for name, peer, value in agreement()],
    )
    kinds: dict[str, Callable[[Random], Scores]] = {
        f"golden, {GOLDEN} cases, 5 % differ": lambda random: binary(random, GOLDEN, 0.05),
        f"golden, {GOLDEN} cases, 20 % differ": lambda random: binary(random, GOLDEN, 0.2),
        "1,000 cases, 20 % differ": lambda random: binary(random, 1000, 0.2),
        f"test, {TEST} cases in {TEST_GROUPS} groups": lambda random: grouped(
            random, TEST, TEST_GROUPS, 0.2
        ),
        f"{GOLDEN} graded scores": lambda random: graded(random, GOLDEN),
    }
    rows = []
    for name, make in kinds.items():
        words = alarms(make, pairs)
        shown = ("better", "worse", "no change", "inconclusive", "gate fail")
        rows.append([name, *(f"{words[word] / pairs:.1%}" for word in shown)])
    table(["equal pairs", "better", "worse", "no change", "inconclusive", "gate fails"], rows)
    print(f"\nany of 20 slices better or worse: {slice_alarms(pairs) / pairs:.1%}")
    rows = []
    for cases in (GOLDEN, GOLDEN + TEST):
        stated = smallest_detectable(cases, 0.2)
        for drop in (0.03, 0.05, 0.08, 0.12, stated):
            words = alarms(lambda random, n=cases, d=drop: binary(random, n, max(0.2, d), d), pairs)  # type: ignore[misc]
            mark = " (stated for 80 %)" if drop == stated else ""
            seen = [f"{words[word] / pairs:.0%}" for word in ("worse", "gate fail")]
            rows.append([str(cases), f"{100 * drop:.1f}{mark}", *seen])
    table(["cases, 20 % differ", "true drop, points", "called worse", "gate fails"], rows)
    rows = []
    for cases in (1, 5, 10, 20, 30, GOLDEN, GOLDEN + TEST):
        rows.append([str(cases), *(f"{share:.1%}" for share in passes(cases, pairs))])
    table(["cases", "passes at least 70 % when 70 %", "passes at most 5 % lost when 5 %"], rows)


if __name__ == "__main__":
    main()
