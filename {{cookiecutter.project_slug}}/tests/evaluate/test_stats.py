"""Intervals and tests that know noise."""

import numpy as np
import pytest

from lib.evaluate.stats import (
    Difference,
    bootstrap_interval,
    cases_needed,
    change_interval,
    compare_paired,
    effective,
    holm,
    independent_groups,
    mcnemar,
    mean_interval,
    sign_flip,
    smallest_detectable,
    verdict_of,
    wilson_interval,
)


def compare(won: int, lost: int, same: int) -> Difference:
    """Of so many independent cases with scores of 0 and 1."""
    new, old = [1.0] * won + [0.0] * lost, [0.0] * won + [1.0] * lost
    ids = [str(case) for case in range(won + lost + same)]
    return compare_paired(new + [1.0] * same, old + [1.0] * same, ids, 2000, seed=1)


def test_a_constant_has_no_spread() -> None:
    assert bootstrap_interval([1.0] * 5, list("abcde"), 200, seed=1) == (1.0, 1.0)


def test_a_mean_is_the_same_in_every_python() -> None:
    """`sum` of floats is another one since 3.12, in the last digits."""
    assert compare_paired([0.1] * 10, [0.0] * 10, list("abcdefghij"), 200, seed=1).mean == 0.1


def test_the_interval_is_that_of_the_binomial() -> None:
    values = [1.0] * 80 + [0.0] * 20
    low, high = bootstrap_interval(values, [str(i) for i in range(100)], 5000, seed=1)
    assert (low, high) == (pytest.approx(0.72, abs=0.015), pytest.approx(0.88, abs=0.015))


def test_copies_in_one_group_add_no_certainty() -> None:
    alone = bootstrap_interval([1.0, 0.0, 1.0, 0.0], list("abcd"), 500, seed=1)
    copied = bootstrap_interval([1.0, 0.0, 1.0, 0.0] * 9, list("abcd") * 9, 500, seed=1)
    assert copied == alone


def test_right_or_wrong_in_independent_cases_has_wilsons_interval() -> None:
    assert mean_interval([1.0] * 20, [str(i) for i in range(20)], 200, seed=1) == (
        wilson_interval(20, 20)
    )


def test_all_right_in_few_groups_is_as_sure_as_the_groups_are_many() -> None:
    groups = [str(i % 10) for i in range(300)]
    assert mean_interval([1.0] * 300, groups, 200, seed=1) == wilson_interval(10, 10)


def test_graded_scores_are_drawn_by_group() -> None:
    scores, groups = [0.5, 0.6] * 40 + [0.9] * 80, [str(at // 20) for at in range(160)]
    low, high = bootstrap_interval(scores, groups, 200, seed=1)
    found = mean_interval(scores, groups, 200, seed=1)
    assert found[0] <= low < high <= found[1]


@pytest.mark.parametrize("alike", [0.95, 1.0])
def test_few_graded_scores_that_are_alike_are_no_proof(alike: float) -> None:
    names = [str(at) for at in range(10)]
    for interval in (mean_interval, change_interval):
        low, high = interval([alike] * 9 + [0.9], names, 200, 1)
        assert low < 0.8
        assert high == 1.0


def test_changes_of_one_group_count_for_what_they_are_worth() -> None:
    change, alone = [1.0] * 20 + [0.0] * 20, [str(at) for at in range(40)]
    together = [str(at // 10) for at in range(40)]
    (low, high), (sure_low, sure_high) = (
        change_interval(change, groups, 200, 1) for groups in (together, alone)
    )
    assert low < sure_low
    assert sure_high < high


def test_a_graded_interval_holds_the_true_mean() -> None:
    """Of 300 draws of 20 scores of which 7 % are wrong: a bootstrap's begins above it in 20 %."""
    random, above = np.random.default_rng(1), 0
    for seed in range(300):
        scores = random.choice([1.0, 0.95, 0.0], size=20, p=[0.8, 0.13, 0.07]).tolist()
        above += mean_interval(scores, [str(at) for at in range(20)], 200, seed)[0] > 0.9235
    assert above / 300 < 0.05


@pytest.mark.parametrize(
    ("sizes", "worth"), [([1] * 12, 12), ([20] * 10, 10), ([200] + [1] * 9, 1), ([], 0)]
)
def test_a_group_that_holds_most_cases_decides_alone(sizes: list[int], worth: int) -> None:
    groups = [str(at) for at, size in enumerate(sizes) for _ in range(size)]
    assert independent_groups(groups) == worth


@pytest.mark.parametrize(
    ("values", "groups", "cases"),
    [
        ([1, 0, 0, 1], "abcd", 4),
        ([1, 1, 0, 0], "aabb", 2),  # copies
        ([1, 0, 1, 0], "aabb", 4),  # groups with nothing in common
        ([1, 1, 1, 1], "aabb", 2),
    ],
)
def test_cases_of_a_group_tell_less_as_they_are_alike(
    values: list[float], groups: str, cases: int
) -> None:
    assert effective(values, list(groups)) == cases


@pytest.mark.parametrize(  # by hand: half a case more for each of the four outcomes of a pair
    ("won", "lost", "same", "low", "high"),
    [(0, 0, 30, -0.061, 0.061), (30, 0, 0, 0.834, 1.0), (16, 0, 80, 0.087, 0.239)],
)
def test_no_case_that_differs_is_no_certainty(
    won: int, lost: int, same: int, low: float, high: float
) -> None:
    found = compare(won, lost, same)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-3)


def test_graded_scores_of_many_slices_can_be_told_apart() -> None:
    change, ids = [0.5] * 30, [str(i) for i in range(30)]
    assert holm([compare_paired(change, [0.0] * 30, ids, 100, seed=1).p] * 30)[0] < 0.05


@pytest.mark.parametrize(  # as statsmodels' proportion_confint(..., method="wilson") has them
    ("hits", "cases", "low", "high"),
    [(0, 20, 0.0, 0.161125), (16, 68, 0.150345, 0.348552), (20, 20, 0.838875, 1.0), (0, 0, 0, 1)],
)
def test_wilson(hits: int, cases: int, low: float, high: float) -> None:
    assert wilson_interval(hits, cases) == pytest.approx((low, high), abs=1e-6)


@pytest.mark.parametrize(  # as scipy's binomtest has them
    ("won", "lost", "p"),
    [(0, 0, 1.0), (5, 5, 1.0), (6, 0, 0.03125), (5, 0, 0.0625), (3, 14, 0.012726)],
)
def test_mcnemar(won: int, lost: int, p: float) -> None:
    assert mcnemar(won, lost) == mcnemar(lost, won) == pytest.approx(p, abs=1e-6)


def test_mcnemar_of_many_cases() -> None:
    assert mcnemar(9_800, 10_200) == pytest.approx(0.00478089, rel=1e-5)  # as scipy's binomtest
    assert mcnemar(0, 20_000) == 0.0


def test_flips_of_single_cases_are_mcnemar() -> None:
    assert compare(won=9, lost=1, same=90).p == mcnemar(9, 1)


def test_flips_of_scores_between_0_and_1_are_counted_out() -> None:
    # 2 of the 2 ** 6 ways to set the signs give as much: all plus, all minus
    assert sign_flip([0.5, 0.1, 0.2, 0.3, 0.4, 0.5], list("abcdef"), 5000, seed=1) == (
        pytest.approx(2 / 64, abs=0.008)
    )


def test_copies_in_one_group_add_no_significance() -> None:
    assert sign_flip([1.0] * 30, ["a"] * 30, 999, seed=1) == 1.0


@pytest.mark.parametrize(
    ("won", "lost", "same", "word"),
    [
        (0, 0, 50, "no change"),
        (0, 0, 1, "inconclusive"),  # one case says nothing, nor do nine
        (9, 0, 0, "inconclusive"),
        (51, 50, 899, "inconclusive"),  # +0.001
        (3, 0, 97, "inconclusive"),
        (0, 5, 0, "inconclusive"),  # all five lost, and still chance
        (20, 2, 78, "better"),
        (2, 20, 78, "worse"),
        (20, 20, 4_000, "no change"),
        (20, 0, 4_000, "no change"),  # a real difference too small to matter
    ],
)
def test_verdict(won: int, lost: int, same: int, word: str) -> None:
    assert verdict_of(compare(won, lost, same), min_effect=0.01) == word


@pytest.mark.parametrize(  # as statsmodels' multipletests(..., method="holm") has them
    ("found", "corrected"),
    [
        ([], []),
        ([0.04], [0.04]),
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.5, 0.6], [1.0, 1.0]),
    ],
)
def test_holm(found: list[float], corrected: list[float]) -> None:
    assert holm(found) == pytest.approx(corrected)


def test_power_is_that_of_a_simulation() -> None:
    # python -m benchmarks.eval.stats: 80 % of true drops of so many points are found
    assert smallest_detectable(113, 0.2) == pytest.approx(0.1267, abs=1e-4)
    assert smallest_detectable(414, 0.2) == pytest.approx(0.0640, abs=1e-4)


def test_so_many_cases_find_so_little() -> None:
    assert smallest_detectable(cases_needed(0.01, 0.1), 0.1) == pytest.approx(0.01, rel=0.02)
