"""Shingles: a text as the set of its word n-grams, and how much two such sets have in common.

A shingle is a 64-bit hash, the same on every machine. A text shorter than n words is one shingle.
"""

from collections.abc import Sequence
from hashlib import blake2b
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lib.text import words

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
Pairs = npt.NDArray[np.int64]  # one row a pair (earlier, later)

CHUNK = 2048  # texts worked on at a time
VOCABULARY = 1 << 20  # words whose hash is remembered
MULTIPLIERS = np.random.RandomState(0).randint(0, 1 << 63, 32, dtype=np.uint64) | np.uint64(1)


class Shingles(NamedTuple):
    """The sets of n-grams of many texts, end to end: text i has hashes[starts[i]:starts[i + 1]],
    sorted, each once, never none."""

    hashes: Hashes
    starts: Places

    def sizes(self) -> Places:
        """How many shingles each text has."""
        return np.diff(self.starts)


class WordHashes(dict[str, int]):
    """64-bit hashes of words, the same on every machine and in every process."""

    def __missing__(self, word: str) -> int:
        if len(self) >= VOCABULARY:
            self.clear()
        digest = blake2b(word.encode("utf-8", "replace"), digest_size=8).digest()
        return self.setdefault(word, int.from_bytes(digest, "little"))


HASH_OF = WordHashes()


def mix(hashes: Hashes) -> Hashes:
    """Spread the bits of 64-bit hashes (MurmurHash3's finaliser)."""
    hashes = (hashes ^ (hashes >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    hashes = (hashes ^ (hashes >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return hashes ^ (hashes >> np.uint64(33))


def shingle(texts: Sequence[str], ngram: int) -> Shingles:
    """The shingles of texts. A text shorter than n words is one shingle: all its words."""
    return join([_shingle(texts[at : at + CHUNK], ngram) for at in range(0, len(texts), CHUNK)])


def join(parts: list[Shingles]) -> Shingles:
    """Shingles of many texts from those of some."""
    sizes = [part.sizes() for part in parts]
    starts = np.cumsum(np.concatenate([np.zeros(1, np.int64), *sizes]))
    hashes = np.concatenate([np.empty(0, np.uint64), *(part.hashes for part in parts)])
    return Shingles(hashes, starts)


def _shingle(texts: Sequence[str], ngram: int) -> Shingles:
    split = [words(text) for text in texts]
    lengths = np.fromiter(map(len, split), np.int64, len(split))
    flat = chain.from_iterable(split)
    hashes = np.fromiter(map(HASH_OF.__getitem__, flat), np.uint64, lengths.sum())
    first = np.cumsum(lengths) - lengths  # of each text, its first word
    padded = np.concatenate([hashes, np.zeros(ngram, np.uint64)])
    grams = np.zeros(len(hashes), np.uint64)
    for step in range(ngram):  # n-grams that start at each word, as if there were one text
        grams += padded[step : step + len(hashes)] * MULTIPLIERS[step]
    counts = np.maximum(lengths - ngram + 1, 1)
    text = np.repeat(np.arange(len(split)), counts)
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    grams = grams[first[text] + offset]  # those that lie inside one text
    for short in np.flatnonzero(lengths < ngram):
        own = hashes[first[short] : first[short] + lengths[short]]
        grams[np.searchsorted(text, short)] = np.sum(own * MULTIPLIERS[: len(own)], dtype=np.uint64)
    return _distinct(mix(grams), text, len(split))


def _distinct(hashes: Hashes, text: Places, count: int) -> Shingles:
    order = np.lexsort((hashes, text))
    hashes, text = hashes[order], text[order]
    new = np.append(True, (hashes[1:] != hashes[:-1]) | (text[1:] != text[:-1]))
    hashes, text = hashes[new], text[new]
    return Shingles(hashes, np.searchsorted(text, np.arange(count + 1)))


def similarity(shingles: Shingles, pairs: Pairs) -> npt.NDArray[np.float64]:
    """The exact Jaccard similarity of each pair of texts."""
    hashes, starts = shingles
    result = np.empty(len(pairs))
    for place, (one, other) in enumerate(pairs):
        left = hashes[starts[one] : starts[one + 1]]
        right = hashes[starts[other] : starts[other + 1]]
        both = np.concatenate([left, right])
        both.sort()
        common = np.count_nonzero(both[1:] == both[:-1])
        result[place] = common / (len(both) - common)
    return result
