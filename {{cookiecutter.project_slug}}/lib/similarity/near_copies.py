"""Search for near copies: used by dedup, split, the leakage check, harvest and monitoring.

`near_copies`  among many texts, which need not fit into memory: MinHash proposes pairs, an exact
               comparison decides. A few pairs just above the threshold are missed. near_pairs.py
               has it for texts as they are.
`KnownTexts`   of known texts in others, such as held-out prompts in train: exact, none is missed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from lib.core.text import same_text_key
from lib.similarity.containment import SHORTEST, QuoteIndex
from lib.similarity.hit import Hit
from lib.similarity.minhash import Keys, candidates, connected
from lib.similarity.near_index import NearIndex
from lib.similarity.own_words import HashSet, NgramSets, Shared, own_words
from lib.similarity.shingles import (
    IndexPairs,
    Indices,
    Shingles,
    ngrams,
    word_hashes,
)
from lib.similarity.spans import Spans
from lib.similarity.workers import Each

BATCH_BYTES = 1 << 24  # bytes of texts that are compared at a time

# Spans of shape (pairs, 2, 2) to an array with a row for each pair.
Compare = Callable[[Spans], Any]


def near_copies(
    buckets: Iterable[Keys], spans: Spans, compare: Compare, each: Each = map
) -> tuple[IndexPairs, Any]:
    """Find all pairs of texts that share a bucket, and compare each.

    buckets     of each band, the keys of all texts: those with equal keys share a bucket
    spans       shape (texts, 2): where `compare` finds each text
    compare     says exactly how similar pairs are; gets their spans, shape (pairs, 2, 2)
    each        who calls `compare`: a `map` over this process, others or a cluster (workers.py)

    Returns the pairs, in order, and the results of `compare`, one row per pair.
    """
    pairs = candidates(buckets, len(spans))
    del buckets  # by far the largest array, where the caller does not hold it
    return pairs, compare_all(pairs, spans, compare, each)


def compare_all(pairs: IndexPairs, spans: Spans, compare: Compare, each: Each = map) -> Any:
    """Call `compare` on pairs in batches of BATCH_BYTES; return its results, a row per pair."""
    batches = list(_batches(pairs, spans))
    found = np.concatenate(list(each(compare, [spans[pairs[batch]] for batch in batches])))
    result = np.empty_like(found)
    result[np.concatenate(batches)] = found
    return result


def _batches(pairs: IndexPairs, spans: Spans) -> Iterator[Indices]:
    """Yield indices of pairs, in batches whose texts fit into memory together.

    Connected pairs are neighbors, so that a text is read in few batches. At least one batch is
    yielded, possibly empty."""
    order = np.argsort(connected(len(spans), pairs)[pairs[:, 0]], kind="stable")
    size = np.cumsum(np.diff(spans).ravel()[pairs[order]].sum(axis=1))
    yield from np.split(order, np.flatnonzero(np.diff(size // BATCH_BYTES)) + 1)


class KnownTexts:
    """Known texts, to be found in others: as exact copies, near copies or quotations.

    Exact up to collisions of 64-bit hashes. The index of a search is built at its first call. A
    hit's `one` is the index of a searched text, its `other` that of a known text.
    """

    def __init__(
        self, texts: Sequence[str], threshold: float, ngram: int, shared: Shared = b""
    ) -> None:
        """threshold: Jaccard similarity from which texts are near copies; ngram: words per shingle;
        shared: passages to ignore (own_words.py)."""
        self.texts, self.threshold, self.ngram, self.shared = texts, threshold, ngram, shared

    def same(self, texts: Iterable[str]) -> list[Hit]:
        """Find texts that equal a known one up to case, spacing and a final full stop."""
        keys = enumerate(map(same_text_key, texts if self.texts else ()))
        return [Hit(one, self._keys[key], 1.0) for one, key in keys if key in self._keys]

    def near(self, texts: Sequence[str]) -> list[Hit]:
        """Find near copies of known texts, with their Jaccard similarity."""
        return self._near.search_texts(texts) if self.texts else []

    def near_shingles(self, grams: NgramSets) -> list[Hit]:
        """Find near copies like `near`, among texts given by their n-grams (of `ngram` words)."""
        return self._near.search(grams) if self.texts else []

    def quoted(self, texts: Iterable[str]) -> list[Hit]:
        """Find texts that quote a known one, with the containment (containment.py)."""
        return self._quotes.search(texts)

    def may_be_quoted(self, words: Shingles) -> Indices:
        """List candidates for `quoted` quickly, among texts given by their own words.

        Other texts share no n-gram of the shortest length with a known one, so none of a longer
        one.
        """
        return self._shortest.texts_with(ngrams(words, SHORTEST))

    @cached_property
    def _keys(self) -> dict[bytes, int]:
        first: dict[bytes, int] = {}
        for index, text in enumerate(self.texts):
            first.setdefault(same_text_key(text), index)
        return first

    @cached_property
    def _near(self) -> NearIndex:
        return NearIndex(self.texts, self.threshold, self.ngram, self.shared)

    @cached_property
    def _shortest(self) -> HashSet:
        return HashSet(ngrams(own_words(word_hashes(self.texts), self.shared), SHORTEST).hashes)

    @cached_property
    def _quotes(self) -> QuoteIndex:
        return QuoteIndex(self.texts, shared=self.shared)


def search_rows(
    search: Callable[[list[str]], list[Hit]], rows: Sequence[Sequence[str]]
) -> list[Hit]:
    """Search rows of several texts each; `one` of a hit is the index of the row."""
    owner = [index for index, row in enumerate(rows) for _ in row]
    hits = search(list(chain.from_iterable(rows)))
    return [hit._replace(one=owner[hit.one]) for hit in hits]
