"""The proof that nothing trained on is tested on: an exact search for near copies.

No sketches here: two sets with a Jaccard similarity of at least t must share one of the
`size - ceil(t * size) + 1` rarest shingles of each (the prefix filter), so joining on those finds
every pair, and only such pairs are compared.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lib.shingles import Pairs, Shingles, join, shingle, similarity

CHUNK = 4096  # texts looked up at a time
SLACK = 1e-9  # of a quotient of integers


class Hit(NamedTuple):
    """Text `one` of the first list and `other` of the second are this similar."""

    one: int
    other: int
    similarity: float


def search(ones: Sequence[str], others: Sequence[str], threshold: float, ngram: int) -> list[Hit]:
    """Every pair of texts, one from each list, at least `threshold` similar."""
    if not ones or not others:
        return []
    shingles = join([shingle(ones, ngram), shingle(others, ngram)])
    pairs = _join_prefixes(shingles, len(ones), threshold)
    found = similarity(shingles, pairs)
    pairs[:, 1] -= len(ones)
    return [
        Hit(int(one), int(other), float(value))
        for (one, other), value in zip(pairs, found, strict=True)
        if value >= threshold - SLACK
    ]


def _join_prefixes(shingles: Shingles, boundary: int, threshold: float) -> Pairs:
    """Pairs across the boundary that share a shingle of both prefixes and fit in size."""
    text, rank = _prefixes(shingles, threshold)
    left = text < boundary
    order = np.argsort(rank[left], kind="stable")
    index_rank, index_text = rank[left][order], text[left][order]
    codes = [np.empty(0, np.int64)]
    count, sizes = len(shingles.starts) - 1, shingles.sizes()
    for start in range(boundary, count, CHUNK):
        some = (text >= start) & (text < start + CHUNK)
        begin = np.searchsorted(index_rank, rank[some], "left")
        length = np.searchsorted(index_rank, rank[some], "right") - begin
        other = np.repeat(text[some], length)
        offset = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
        one = index_text[np.repeat(begin, length) + offset]
        low, high = np.minimum(sizes[one], sizes[other]), np.maximum(sizes[one], sizes[other])
        fits = low >= threshold * high - SLACK
        codes.append(np.unique(one[fits] * count + other[fits]))
    return np.stack(np.divmod(np.concatenate(codes), count), axis=1)


def _prefixes(shingles: Shingles, threshold: float) -> tuple[npt.NDArray[np.int64], ...]:
    """(text, rank) of the shingles in each text's prefix; rank orders all by how rare they are."""
    _, number, counts = np.unique(shingles.hashes, return_inverse=True, return_counts=True)
    ranks = np.empty(len(counts), np.int64)
    ranks[np.argsort(counts, kind="stable")] = np.arange(len(counts))
    sizes = shingles.sizes()
    text, rank = np.repeat(np.arange(len(sizes)), sizes), ranks[number]
    order = np.lexsort((rank, text))
    text, rank = text[order], rank[order]
    place = np.arange(len(text)) - np.repeat(shingles.starts[:-1], sizes)
    prefix = sizes - np.ceil(threshold * sizes - SLACK).astype(np.int64) + 1
    inside = place < prefix[text]
    return text[inside], rank[inside]
