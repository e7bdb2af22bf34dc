"""An exact search for near copies of known texts, which finds every pair.

Two sets with a Jaccard similarity of at least t must share one of the `size - ceil(t * size) + 1`
rarest shingles of each (the prefix filter; Chaudhuri et al., 2006; Bayardo et al., 2007). So
joining on those finds every pair, and only such pairs are compared.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from lib.similarity.hit import Hit
from lib.similarity.jaccard import SLACK
from lib.similarity.own_words import HashSet, Sets, Shared, ngrams_of, sets_of, similarity
from lib.similarity.shingles import (
    IndexPairs,
    Indices,
    Shingles,
    chunks,
    ranges,
    word_hashes,
)


class NearIndex:
    """The shingles of known texts, at least one, to search others for near copies of them."""

    def __init__(
        self, texts: Sequence[str], threshold: float, ngram: int, shared: Shared = b""
    ) -> None:
        """threshold: the Jaccard similarity from which texts are near copies; ngram: words per
        shingle; shared: passages that do not count."""
        self.threshold, self.ngram, self.shared = threshold, ngram, shared
        self.sets = sets_of(texts, ngram, shared)
        own = self.sets.own
        self.known, number, counts = np.unique(own.hashes, return_inverse=True, return_counts=True)
        self.gate = HashSet(self.known)
        self.ranks = np.empty(len(counts), np.int64)  # by how rare a shingle is
        self.ranks[np.argsort(counts, kind="stable")] = np.arange(len(counts))
        text = np.repeat(np.arange(len(texts)), own.sizes())
        text, rank = self._prefixes(text, self.ranks[number], own.sizes())
        order = np.argsort(rank, kind="stable")
        self.index_rank, self.index_text = rank[order], text[order]

    def search_texts(self, texts: Sequence[str]) -> list[Hit]:
        """Find every near copy among texts, chunk by chunk."""
        start, found = 0, []
        with tqdm(
            total=len(texts), desc="near copies", unit="row", delay=2, leave=False, disable=None
        ) as bar:
            for some in chunks(texts):
                hits = self.search(ngrams_of(word_hashes(some), self.ngram, self.shared))
                found += [hit._replace(one=hit.one + start) for hit in hits]
                start += len(some)
                bar.update(len(some))
        return found

    def search(self, grams: Sets) -> list[Hit]:
        """Find every near copy among texts, given by their n-grams."""
        some = self.gate.texts_with(grams.own)
        if not len(some):
            return []
        sets = grams.take(some).distinct()
        pairs = self._join(sets.own)
        values = similarity(sets, self.sets, pairs)
        return [
            Hit(int(some[one]), int(other), float(value))
            for (one, other), value in zip(pairs, values, strict=True)
            if value >= self.threshold - SLACK
        ]

    def _join(self, sets: Shingles) -> IndexPairs:
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
        other = self.index_text[ranges(begin, length)]
        left, right = sizes[one], self.sets.own.sizes()[other]
        fits = np.minimum(left, right) >= self.threshold * np.maximum(left, right) - SLACK
        count = len(self.sets.own.starts) - 1
        return np.stack(np.divmod(np.unique(one[fits] * count + other[fits]), count), axis=1)

    def _prefixes(
        self, text: Indices, rank: npt.NDArray[np.int64], sizes: Indices
    ) -> tuple[Indices, npt.NDArray[np.int64]]:
        """(text, rank) of the shingles in each text's prefix."""
        order = np.lexsort((rank, text))
        text, rank = text[order], rank[order]
        nth = ranges(np.zeros(len(sizes), np.int64), sizes)
        prefix = sizes - np.ceil(self.threshold * sizes - SLACK).astype(np.int64) + 1
        inside = nth < prefix[text]
        return text[inside], rank[inside]
