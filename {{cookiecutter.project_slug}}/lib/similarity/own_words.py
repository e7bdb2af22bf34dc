"""Compare texts by their own words: those outside passages that many prompts of a source share.

A common instruction, examples, context or form does not make two prompts copies. So two texts are
similar only if they are similar twice: as a whole, and in their own words, with shared passages cut
out. The rule removes pairs and adds none. A text that consists of shared passages only keeps all
its words. shared_text.py finds the passages.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lib.similarity.jaccard import jaccard
from lib.similarity.shingles import (
    Floats,
    Hashes,
    IndexPairs,
    Indices,
    Shingles,
    chunks,
    distinct,
    joined,
    ngrams,
    take,
    word_hashes,
)

PASSAGE = 5  # words: fewer do not make short prompts similar (3-grams: below 0.6)

Shared = bytes  # hashes of shared passages of PASSAGE words, sorted; b"": none


class SortedHashes:
    """Sorted hashes of known n-grams, with repeats, for fast lookup."""

    def __init__(self, hashes: Hashes) -> None:
        self.hashes = hashes
        # A filter by the first bits of a hash rules out most others: one or two of eight slots are
        # set.
        self.bits = min(max(len(hashes).bit_length() + 2, 16), 30)
        self.slots = np.zeros(1 << self.bits, bool)
        self.slots[self._slot(hashes)] = True

    def find(self, hashes: Hashes) -> tuple[Indices, Indices, Indices]:
        """Look up hashes.

        Returns the indices of those that are known, and for each its first index and its count
        among the known ones.
        """
        places = np.flatnonzero(self.slots[self._slot(hashes)])
        begin = np.searchsorted(self.hashes, hashes[places])
        known = self.hashes[np.minimum(begin, len(self.hashes) - 1)] == hashes[places]
        places, begin = places[known], begin[known]
        return places, begin, np.searchsorted(self.hashes, hashes[places], "right") - begin

    def _slot(self, hashes: Hashes) -> Hashes:
        return hashes >> np.uint64(64 - self.bits)


class HashSet:
    """A set of n-grams, to find texts that have one of them."""

    def __init__(self, hashes: Hashes) -> None:
        self.known = SortedHashes(np.unique(hashes))

    def places(self, grams: Shingles) -> Indices:
        """Return the indices of those n-grams of texts that are in the set."""
        return self.known.find(grams.hashes)[0]

    def texts_with(self, grams: Shingles) -> Indices:
        """Return the indices of texts that have an n-gram of the set."""
        return np.unique(np.searchsorted(grams.starts, self.places(grams), "right") - 1)


def own_words(words: Shingles, shared: Shared, texts: Indices | None = None) -> Shingles:
    """Remove the words in shared passages from each text, unless nothing would be left."""
    if not shared or not len(words.hashes):
        return words
    own = ~in_passages(words, shared)
    whole = np.add.reduceat(own, words.starts[:-1], dtype=np.int64) == 0
    if texts is not None:
        others = np.ones(len(whole), bool)
        others[texts] = False
        whole |= others
    own |= np.repeat(whole, words.sizes())
    starts = np.append(0, np.cumsum(own))[words.starts]
    return Shingles(words.hashes[own], starts)


def in_passages(words: Shingles, shared: Shared) -> npt.NDArray[np.bool_]:
    """Tell for each word whether it is in a shared passage."""
    grams = ngrams(words, PASSAGE)
    places = _passages(shared).places(grams)
    text = np.searchsorted(grams.starts, places, "right") - 1
    first = places - grams.starts[text] + words.starts[text]
    found = np.zeros(len(words.hashes), bool)
    for step in range(PASSAGE):
        found[first + step] = True
    return found


@lru_cache(2)
def _passages(shared: Shared) -> HashSet:
    return HashSet(np.frombuffer(shared, np.uint64))


class NgramSets(NamedTuple):
    """The n-grams of texts: of their own words, and of all words.

    Both are the same object where no passage is shared."""

    own: Shingles
    whole: Shingles

    def take(self, texts: Indices) -> "NgramSets":
        """Select some of the texts, in that order."""
        own = take(self.own, texts)
        return NgramSets(own, own if self.whole is self.own else take(self.whole, texts))

    def distinct(self) -> "NgramSets":
        """Sort the n-grams of each text and drop repeats."""
        own = distinct(self.own)
        return NgramSets(own, own if self.whole is self.own else distinct(self.whole))


def ngrams_of(
    words: Shingles, ngram: int, shared: Shared, texts: Indices | None = None
) -> NgramSets:
    """Hash the n-grams of texts, in order; texts: those in which shared passages are ignored."""
    own = own_words(words, shared, texts)
    grams = ngrams(own, ngram)
    return NgramSets(grams, grams if own is words else ngrams(words, ngram))


def sets_of(texts: Sequence[str], ngram: int, shared: Shared) -> NgramSets:
    """Turn each text into the sets of its n-grams."""
    parts = [ngrams_of(word_hashes(some), ngram, shared).distinct() for some in chunks(texts)]
    own = joined([part.own for part in parts])
    return NgramSets(own, joined([part.whole for part in parts]) if shared else own)


def similarity(ones: NgramSets, others: NgramSets, pairs: IndexPairs) -> Floats:
    """Compute the similarity, 0 to 1, of each pair (index in ones, index in others).

    It is the lower of two exact Jaccard similarities: of their own words, and of all their words.
    So neither another question about a shared context nor the same question about another context
    is a copy.
    """
    values = jaccard(ones.own, others.own, pairs)
    if ones.whole is ones.own and others.whole is others.own:
        return values
    return np.minimum(values, jaccard(ones.whole, others.whole, pairs))
