"""A text's own words: those outside the passages that many prompts of a source share.

An instruction, examples, one context or the labels of a form make no two prompts alike. So two
texts are alike where they are so twice: as they stand, and in their own words, as if the passages
were cut out. The rule takes pairs away and adds none. A text that is nothing but shared passages
keeps all its words. Which passages are shared: shared_text.py.
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

PASSAGE = 5  # words: fewer do not make short prompts alike (of 3-grams, below 0.6)

Shared = bytes  # the hashes of shared passages of PASSAGE words, sorted; b"": there are none


class SortedHashes:
    """Hashes of n-grams in order, each as often as it is known, to find those of texts."""

    def __init__(self, hashes: Hashes) -> None:
        self.hashes = hashes
        # The first bits of a hash rule out most others at once: of eight slots one is set, or two.
        self.bits = min(max(len(hashes).bit_length() + 2, 16), 30)
        self.slots = np.zeros(1 << self.bits, bool)
        self.slots[self._slot(hashes)] = True

    def find(self, hashes: Hashes) -> tuple[Indices, Indices, Indices]:
        """Find the hashes that are known.

        Returns their places, and of each where it begins among the known ones and how often it is.
        """
        places = np.flatnonzero(self.slots[self._slot(hashes)])
        begin = np.searchsorted(self.hashes, hashes[places])
        known = self.hashes[np.minimum(begin, len(self.hashes) - 1)] == hashes[places]
        places, begin = places[known], begin[known]
        return places, begin, np.searchsorted(self.hashes, hashes[places], "right") - begin

    def _slot(self, hashes: Hashes) -> Hashes:
        return hashes >> np.uint64(64 - self.bits)


class HashSet:
    """A set of n-grams, to find those of texts that are in it."""

    def __init__(self, hashes: Hashes) -> None:
        self.known = SortedHashes(np.unique(hashes))

    def places(self, grams: Shingles) -> Indices:
        """List where n-grams of the set stand among those of texts."""
        return self.known.find(grams.hashes)[0]

    def texts_with(self, grams: Shingles) -> Indices:
        """List the texts that have an n-gram of the set."""
        return np.unique(np.searchsorted(grams.starts, self.places(grams), "right") - 1)


def own_words(words: Shingles, shared: Shared, texts: Indices | None = None) -> Shingles:
    """Leave out the words of each text, or of some texts, in shared passages, unless all are."""
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
    """Tell for each word whether it stands in a shared passage."""
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
    """The n-grams of texts: of their own words, and of all their words; one object where no passage
    is shared."""

    own: Shingles
    whole: Shingles

    def take(self, texts: Indices) -> "NgramSets":
        """Take those of some of the texts, in that order."""
        own = take(self.own, texts)
        return NgramSets(own, own if self.whole is self.own else take(self.whole, texts))

    def distinct(self) -> "NgramSets":
        """Sort the n-grams of each text and drop repeats."""
        own = distinct(self.own)
        return NgramSets(own, own if self.whole is self.own else distinct(self.whole))


def ngrams_of(
    words: Shingles, ngram: int, shared: Shared, texts: Indices | None = None
) -> NgramSets:
    """Hash the n-grams of texts, in order; texts: those in which shared passages do not count."""
    own = own_words(words, shared, texts)
    grams = ngrams(own, ngram)
    return NgramSets(grams, grams if own is words else ngrams(words, ngram))


def sets_of(texts: Sequence[str], ngram: int, shared: Shared) -> NgramSets:
    """Turn each text into the sets of its n-grams."""
    parts = [ngrams_of(word_hashes(some), ngram, shared).distinct() for some in chunks(texts)]
    own = joined([part.own for part in parts])
    return NgramSets(own, joined([part.whole for part in parts]) if shared else own)


def similarity(ones: NgramSets, others: NgramSets, pairs: IndexPairs) -> Floats:
    """Compute how similar each pair (index in ones, in others) is, 0 to 1.

    It is the lower of two exact Jaccard similarities: of their own words, and of all their words.
    So a question about another context, or a text under another instruction, is no copy.
    """
    values = jaccard(ones.own, others.own, pairs)
    if ones.whole is ones.own and others.whole is others.own:
        return values
    return np.minimum(values, jaccard(ones.whole, others.whole, pairs))
