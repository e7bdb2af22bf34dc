"""Intervals that know noise."""

import pytest

from lib.stats import bootstrap_interval


def test_a_constant_has_no_spread() -> None:
    assert bootstrap_interval([1.0] * 5, list("abcde"), 200, seed=1) == (1.0, 1.0)


def test_the_interval_is_that_of_the_binomial() -> None:
    values = [1.0] * 80 + [0.0] * 20
    low, high = bootstrap_interval(values, [str(i) for i in range(100)], 5000, seed=1)
    assert (low, high) == (pytest.approx(0.72, abs=0.015), pytest.approx(0.88, abs=0.015))


def test_copies_in_one_group_add_no_certainty() -> None:
    alone = bootstrap_interval([1.0, 0.0, 1.0, 0.0], list("abcd"), 500, seed=1)
    copied = bootstrap_interval([1.0, 0.0, 1.0, 0.0] * 9, list("abcd") * 9, 500, seed=1)
    assert copied == alone
