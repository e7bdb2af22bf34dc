"""Near copies: the one search that dedup, split, the leakage check, harvest and monitoring call.

`near_copies`  among many texts, which need not fit into memory: MinHash proposes pairs, an exact
               comparison decides. A few pairs just above the threshold are missed.
`KnownTexts`   of known texts in others, such as held-out prompts in train: exact, none is missed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from itertools import chain
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from lib.core.text import same_text_key
from lib.similarity.containment import SHORTEST, QuoteIndex
from lib.similarity.hit import Hit
from lib.similarity.jaccard import SLACK
from lib.similarity.minhash import band_keys, bands, candidates, connected, signatures
from lib.similarity.own_words import HashSet, Sets, Shared, ngrams_of, own_words
from lib.similarity.prefix_filter import NearIndex
from lib.similarity.shingles import (
    Floats,
    Hashes,
    IndexPairs,
    Indices,
    Shingles,
    chunks,
    ngrams,
    word_hashes,
)
from lib.similarity.spans import SetFile, Spans
from lib.similarity.workers import Each

BATCH_BYTES = 1 << 24  # bytes of texts compared at a time

Compare = Callable[[Spans], Any]  # of shape (pairs, 2, 2), to an array of as many rows


def near_copies(
    buckets: Hashes, spans: Spans, compare: Compare, each: Each = map, size_ratio: float = 0.0
) -> tuple[IndexPairs, Any]:
    """Find all pairs of texts that share a bucket, and compare each.

    buckets     shape (texts, bands): texts with an equal key in a column share a bucket
    spans       shape (texts, 2): where `compare` finds each text
    compare     says exactly how similar pairs are; gets their spans, shape (pairs, 2, 2)
    each        who calls `compare`: a `map` over this process, others or a cluster (workers.py)
    size_ratio  pairs whose shorter span is less than this share of the longer are left out

    Returns the pairs, in order, and what `compare` says of them, row by row.
    """
    pairs = candidates(buckets)
    del buckets  # by far the largest array, where the caller does not hold it
    if size_ratio:
        sizes = np.diff(spans).ravel()[pairs]
        pairs = pairs[sizes.min(axis=1) >= size_ratio * sizes.max(axis=1) - SLACK]
    return pairs, compare_all(pairs, spans, compare, each)


def compare_all(pairs: IndexPairs, spans: Spans, compare: Compare, each: Each = map) -> Any:
    """Compare pairs in batches of about BATCH_BYTES; return what `compare` says, row by row."""
    batches = list(_batches(pairs, spans))
    found = np.concatenate(list(each(compare, [spans[pairs[batch]] for batch in batches])))
    result = np.empty_like(found)
    result[np.concatenate(batches)] = found
    return result


def near_copies_in(
    texts: Iterable[str],
    threshold: float,
    ngram: int,
    permutations: int,
    seed: int,
    recall: float,
    shared: Shared = b"",
) -> tuple[IndexPairs, Floats]:
    """Find pairs of texts with a Jaccard similarity of at least `threshold`, and compute it.

    ngram         words per shingle
    permutations  rows of a MinHash signature, drawn by `seed`
    recall        share of the pairs of exactly `threshold` to be found; of closer ones, more are
    shared        passages that do not count
    """
    shape = bands(threshold, permutations, recall)
    keys = [np.empty((0, shape[0]), np.uint64)]
    with TemporaryFile() as one, TemporaryFile() as other:
        files = [SetFile(one), SetFile(other)][: 2 if shared else 1]  # of own words, and of all
        for some in chunks(texts):
            sets = ngrams_of(word_hashes(some), ngram, shared).distinct()
            keys.append(band_keys(signatures(sets.own, permutations, seed), *shape))
            for file, part in zip(files, sets, strict=False):
                file.write(part)
        compare = partial(_lowest, [(file, file.spans()) for file in files])
        spans = files[0].spans()
        pairs, values = near_copies(np.concatenate(keys), spans, compare, size_ratio=threshold)
    return pairs[values >= threshold], values[values >= threshold]


def _lowest(files: list[tuple[SetFile, Spans]], spans: Spans) -> Floats:
    """The lowest similarity, over the files, of pairs of sets, by their spans in the first."""
    texts = np.searchsorted(files[0][1][:, 0], spans[..., 0])
    return np.min([file.jaccard(all_spans[texts]) for file, all_spans in files], axis=0)


def _batches(pairs: IndexPairs, spans: Spans) -> Iterator[Indices]:
    """Indices of pairs whose texts fit into memory together; pairs that are connected stand side
    by side, so that a text is read in few batches. At least one batch, if an empty one."""
    order = np.argsort(connected(len(spans), pairs)[pairs[:, 0]], kind="stable")
    size = np.cumsum(np.diff(spans).ravel()[pairs[order]].sum(axis=1))
    yield from np.split(order, np.flatnonzero(np.diff(size // BATCH_BYTES)) + 1)


class KnownTexts:
    """Texts to be found in others: the same, nearly the same, or quoted word for word.

    Exact but for 64-bit hashes. What a search needs is computed when it is first called. A hit's
    `one` is the index of a text searched, its `other` the index of a known text.
    """

    def __init__(
        self, texts: Sequence[str], threshold: float, ngram: int, shared: Shared = b""
    ) -> None:
        """threshold: the Jaccard similarity from which texts are near copies; ngram: words per
        shingle; shared: passages that make no texts alike (own_words.py)."""
        self.texts, self.threshold, self.ngram, self.shared = texts, threshold, ngram, shared

    def same(self, texts: Iterable[str]) -> list[Hit]:
        """Find texts that are a known one but for case, spacing and a last full stop."""
        keys = enumerate(map(same_text_key, texts))
        return [Hit(one, self._keys[key], 1.0) for one, key in keys if key in self._keys]

    def near(self, texts: Sequence[str]) -> list[Hit]:
        """Find near copies of known texts, with their Jaccard similarity."""
        return self._near.search_texts(texts) if self.texts else []

    def near_shingles(self, grams: Sets) -> list[Hit]:
        """Find near copies as `near` does, of texts given by their n-grams (of `ngram` words)."""
        return self._near.search(grams) if self.texts else []

    def quoted(self, texts: Iterable[str], itself: bool = True) -> list[Hit]:
        """Find texts that quote known ones, with the containment (containment.py).

        Without `itself`, the texts are the known ones, each with more around it, and are not held
        against themselves.
        """
        return self._quotes.search(texts, itself)

    def may_be_quoted(self, words: Shingles) -> Indices:
        """List quickly the texts, given by their own words, that `quoted` may find.

        The others have no n-gram of the shortest length, and so none of a longer one.
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
    """Search every text of rows of texts; `one` of a hit is the index of its row."""
    owner = [index for index, row in enumerate(rows) for _ in row]
    hits = search(list(chain.from_iterable(rows)))
    return [hit._replace(one=owner[hit.one]) for hit in hits]
