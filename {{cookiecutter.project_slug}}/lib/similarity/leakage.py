"""The proof that nothing trained on is tested on: an exact search for near copies.

No sketches here: two sets with a Jaccard similarity of at least t must share one of the
`size - ceil(t * size) + 1` rarest shingles of each (the prefix filter), so joining on those finds
every pair, and only such pairs are compared.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from lib.similarity.shingles import (
    Hashes,
    Pairs,
    Places,
    Shingles,
    chunks,
    distinct,
    ngrams,
    shingle,
    similarity,
    take,
    word_hashes,
)

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
    return search_by(NearIndex(others, threshold, ngram), ones)


def search_by(index: "NearIndex", ones: Sequence[str]) -> list[Hit]:
    """What `search` finds, of others that are indexed already."""
    start, found = 0, []
    with tqdm(total=len(ones), desc="near copies", unit="row", delay=2, leave=False) as bar:
        for some in chunks(ones):
            hits = index.search(ngrams(word_hashes(some), index.ngram))
            found += [hit._replace(one=hit.one + start) for hit in hits]
            start += len(some)
            bar.update(len(some))
    return found


class Known:
    """A set of n-grams, to find the texts that have one of them."""

    BITS = 20  # of a hash, by which most others are told apart at once

    def __init__(self, hashes: Hashes) -> None:
        self.hashes = np.unique(hashes)
        self.slots = np.zeros(1 << self.BITS, bool)
        self.slots[self._slot(self.hashes)] = True

    def texts_with(self, grams: Shingles) -> Places:
        """Places of the texts with a known n-gram."""
        maybe = np.flatnonzero(self.slots[self._slot(grams.hashes)])
        at = np.searchsorted(self.hashes, grams.hashes[maybe])
        found = self.hashes[np.minimum(at, len(self.hashes) - 1)] == grams.hashes[maybe]
        return np.unique(np.searchsorted(grams.starts, maybe[found], "right") - 1)

    def _slot(self, hashes: Hashes) -> Hashes:
        return hashes >> np.uint64(64 - self.BITS)


class NearIndex:
    """The shingles of texts, at least one, to search others for near copies of them."""

    def __init__(self, texts: Sequence[str], threshold: float, ngram: int) -> None:
        self.threshold, self.ngram = threshold, ngram
        self.sets = shingle(texts, ngram)
        self.known, number, counts = np.unique(
            self.sets.hashes, return_inverse=True, return_counts=True
        )
        self.gate = Known(self.known)
        self.ranks = np.empty(len(counts), np.int64)  # by how rare a shingle is
        self.ranks[np.argsort(counts, kind="stable")] = np.arange(len(counts))
        text = np.repeat(np.arange(len(texts)), self.sets.sizes())
        text, rank = self._prefixes(text, self.ranks[number], self.sets.sizes())
        order = np.argsort(rank, kind="stable")
        self.index_rank, self.index_text = rank[order], text[order]

    def search(self, grams: Shingles) -> list[Hit]:
        """Every hit of the texts with these n-grams."""
        some = self.gate.texts_with(grams)
        if not len(some):
            return []
        sets = distinct(take(grams, some))
        pairs = self._join(sets)
        values = similarity(sets, self.sets, pairs)
        return [
            Hit(int(some[one]), int(other), float(value))
            for (one, other), value in zip(pairs, values, strict=True)
            if value >= self.threshold - SLACK
        ]

    def _join(self, sets: Shingles) -> Pairs:
        """Pairs that share a shingle of both prefixes and fit in size. Shingles that the index
        does not know are the rarest of all and come first in a prefix."""
        sizes = sets.sizes()
        text = np.repeat(np.arange(len(sizes)), sizes)
        at = np.minimum(np.searchsorted(self.known, sets.hashes), len(self.known) - 1)
        rank = np.where(self.known[at] == sets.hashes, self.ranks[at], -1)
        text, rank = self._prefixes(text, rank, sizes)
        text, rank = text[rank >= 0], rank[rank >= 0]
        begin, end = (np.searchsorted(self.index_rank, rank, side) for side in ("left", "right"))
        length = end - begin
        one = np.repeat(text, length)
        offset = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
        other = self.index_text[np.repeat(begin, length) + offset]
        left, right = sizes[one], self.sets.sizes()[other]
        fits = np.minimum(left, right) >= self.threshold * np.maximum(left, right) - SLACK
        count = len(self.sets.starts) - 1
        return np.stack(np.divmod(np.unique(one[fits] * count + other[fits]), count), axis=1)

    def _prefixes(
        self, text: Places, rank: npt.NDArray[np.int64], sizes: Places
    ) -> tuple[Places, npt.NDArray[np.int64]]:
        """(text, rank) of the shingles in each text's prefix."""
        order = np.lexsort((rank, text))
        text, rank = text[order], rank[order]
        place = np.arange(len(text)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        prefix = sizes - np.ceil(self.threshold * sizes - SLACK).astype(np.int64) + 1
        inside = place < prefix[text]
        return text[inside], rank[inside]
