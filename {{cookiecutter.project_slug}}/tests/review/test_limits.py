"""What a measured value says about a limit."""

import pytest

from review.limits import Found, at_least, at_most, mean
from tests.reviewed import (
    PARAMS,
    answer,
    answers,
)


@pytest.mark.parametrize(
    ("low", "high", "least", "most"),
    [
        (0.6, 0.7, "pass", "fail"),
        (0.5, 0.7, "pass", "inconclusive"),
        (0.4, 0.6, "inconclusive", "inconclusive"),
        (0.3, 0.4, "fail", "pass"),
    ],
)
def test_the_whole_interval_decides(low: float, high: float, least: str, most: str) -> None:
    found = Found(0.5, low, high, groups=30)
    assert at_least("x", found, 0.5).result == least
    assert at_most("x", found, 0.5).result == most


@pytest.mark.parametrize(("right", "result"), [(10, "pass"), (9, "inconclusive")])
def test_ten_right_of_ten_show_half_and_nine_say_nothing(right: int, result: str) -> None:
    rows = answers("+" * right)
    assert at_least("golden", mean(rows, PARAMS), 0.5).result == result


def test_a_limit_that_nothing_breaks_needs_no_cases() -> None:
    assert at_least("golden", mean([], PARAMS), 0.0).result == "pass"


def test_cases_of_a_few_groups_say_nothing() -> None:
    rows = [answer(str(at), True, group="abc"[at % 3]) for at in range(30)]
    assert mean(rows, PARAMS).groups == 3
    assert at_least("golden", mean(rows, PARAMS), 0.5).result == "inconclusive"
