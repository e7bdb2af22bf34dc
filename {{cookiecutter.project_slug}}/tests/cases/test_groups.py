"""Rows that share a group, directly or through others, belong together."""

from lib.cases.groups import components


def test_a_third_row_ties_two() -> None:
    one, two, three, other = components([["a"], ["c"], ["b", "a", "c"], ["d"]])
    assert one == two == three != other


def test_without_ties_a_component_is_the_group() -> None:
    assert components([["a"], ["b"], ["a"]]) == ["a", "b", "a"]
