"""Find which rows are connected by shared groups, where each row may have several."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np


def components(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return for each row, given by its groups (at least one), the name of its connected component.

    Rows that share a group, directly or through other rows, get the same name, one of their groups.
    """
    parent: dict[str, str] = {}

    def root(group: str) -> str:
        while parent.setdefault(group, group) != group:
            parent[group] = group = parent[parent[group]]
        return group

    firsts = []
    for groups in rows:
        firsts.append(groups[0])
        for other in groups[1:]:
            parent[root(other)] = root(groups[0])
    return [root(first) for first in firsts]


def recurring(rows: Callable[[], Iterable[Sequence[str]]]) -> set[str]:
    """Find the groups that more than one row has.

    rows: yields the groups of each row; called twice. Of the other groups only a hash each is kept
    in memory.
    """
    hashes = np.fromiter((hash(group) for groups in rows() for group in groups), np.int64)
    values, counts = np.unique(hashes, return_counts=True)
    often = set(values[counts > 1].tolist())
    return (
        {group for groups in rows() for group in groups if hash(group) in often} if often else set()
    )
