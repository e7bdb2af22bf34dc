"""Shingles: a text as the set of its word n-grams, and how much two such sets have in common.

A shingle is a 64-bit hash, the same on every machine. A text shorter than n words is one shingle.
All texts of a chunk are worked on together, as one array of characters; the words are those of
`lib.core.text.words`, in any language.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lib.core.text import UNSPACED, folded, marks

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
Kinds = npt.NDArray[np.uint8]
Pairs = npt.NDArray[np.int64]  # one row a pair (earlier, later)

CHUNK = 1 << 18  # characters worked on at a time: about what a CPU's cache holds
# No letter; a letter of a longer word; a word of its own; a part of the word it follows, if any.
BETWEEN, SPACED, ALONE, MARK = range(4)
MULTIPLIERS = np.random.RandomState(0).randint(0, 1 << 63, 32, dtype=np.uint64) | np.uint64(1)
BASE = 0x9E3779B97F4A7C15  # of the polynomial that a word's hash is; odd, so it has an inverse


class Shingles(NamedTuple):
    """The n-grams of many texts, end to end: text i has hashes[starts[i]:starts[i + 1]], never
    none. From `shingle` they are sets: sorted, each once."""

    hashes: Hashes
    starts: Places

    def sizes(self) -> Places:
        """How many shingles each text has."""
        return np.diff(self.starts)


def mix(hashes: Hashes) -> Hashes:
    """Spread the bits of 64-bit hashes (MurmurHash3's finaliser)."""
    hashes = (hashes ^ (hashes >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    hashes = (hashes ^ (hashes >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return hashes ^ (hashes >> np.uint64(33))


def shingle(texts: Sequence[str], ngram: int) -> Shingles:
    """The shingles of texts, as sets."""
    return join([distinct(ngrams(word_hashes(some), ngram)) for some in chunks(texts)])


def chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    """The texts, as many at a time as have about CHUNK characters."""
    some: list[str] = []
    size = 0
    for text in texts:
        some.append(text)
        size += len(text)
        if size >= CHUNK:
            yield some
            some, size = [], 0
    if some:
        yield some


def join(parts: list[Shingles]) -> Shingles:
    """Shingles of many texts from those of some."""
    sizes = [part.sizes() for part in parts]
    starts = np.cumsum(np.concatenate([np.zeros(1, np.int64), *sizes]))
    hashes = np.concatenate([np.empty(0, np.uint64), *(part.hashes for part in parts)])
    return Shingles(hashes, starts)


def word_hashes(texts: Sequence[str]) -> Shingles:
    """A hash of every word of every text, in order. A text without words is one: itself."""
    forms = [folded(text) for text in texts]
    text = "\n".join([*forms, ""]).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(text, np.uint32).astype(np.intp)
    kinds, values = _alphabet()
    kind, terms = kinds[codes], values[codes]
    _settle_marks(kind, terms)
    letter, before = kind == SPACED, np.zeros(len(kind), bool)
    before[1:] = letter[:-1]
    begins = np.flatnonzero((kind == ALONE) | (letter & ~before))
    # A word is the polynomial of its characters' values, read off the sums over all before it;
    # characters between words have the value 0.
    power, inverse = _powers(max(CHUNK, 1 << len(codes).bit_length()))
    terms *= power[: len(codes)]
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(terms, out=sums[1:])
    hashes = np.diff(sums[begins], append=sums[-1]) * inverse[begins]
    ends = np.cumsum(np.fromiter((len(form) + 1 for form in forms), np.int64, len(forms)))
    starts = np.concatenate([np.zeros(1, np.int64), np.searchsorted(begins, ends)])
    empty = np.flatnonzero(starts[1:] == starts[:-1])
    if len(empty):  # signs alone, such as an emoji
        own = [_hash(texts[place].strip()) for place in empty.tolist()]
        hashes = np.insert(hashes, starts[empty], np.array(own, np.uint64))
        starts[1:] += np.searchsorted(empty, np.arange(len(texts)), "right")
    return Shingles(hashes, starts)


def ngrams(words: Shingles, ngram: int) -> Shingles:
    """The n-grams inside each text, in order; of a text shorter than n words all its words."""
    hashes, starts = words
    lengths, first = words.sizes(), starts[:-1]
    padded = np.concatenate([hashes, np.zeros(ngram, np.uint64)])
    grams = np.zeros(len(hashes), np.uint64)
    for step in range(ngram):  # n-grams that start at each word, as if there were one text
        grams += padded[step : step + len(hashes)] * MULTIPLIERS[step]
    short = lengths < ngram
    own = np.zeros(np.count_nonzero(short), np.uint64)
    for step in range(ngram - 1):
        inside = lengths[short] > step
        own += np.where(inside, padded[first[short] + step], 0) * MULTIPLIERS[step]
    grams[first[short]] = own
    inside = np.ones(len(hashes), bool)
    for step in range(1, ngram):  # n-grams that start at a text's last words leave it
        late = starts[1:] - step
        inside[late[late > first]] = False
    counts = np.maximum(lengths - ngram + 1, 1)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    return Shingles(mix(grams[inside]), starts)


def _settle_marks(kind: Kinds, values: Hashes) -> None:
    """Make marks letters of the word they follow, or nothing where they follow none."""
    places = np.flatnonzero(kind == MARK)
    if len(places):
        others = np.where(kind == MARK, 0, np.arange(len(kind)))
        inside = kind[np.maximum.accumulate(others)[places]] == SPACED
        kind[places] = np.where(inside, SPACED, BETWEEN)
        values[places[~inside]] = 0


@cache
def _alphabet() -> tuple[Kinds, Hashes]:
    """(kind, value) of every code point. As in `lib.core.text.word`, \\w is isalnum or _."""
    count = 0x110000
    letters = np.fromiter(map(str.isalnum, map(chr, range(count))), bool, count)
    letters[ord("_")] = True
    kinds = np.where(letters, SPACED, BETWEEN).astype(np.uint8)
    kinds[list(map(ord, marks()))] = MARK
    for first, last in re.findall("(.)-(.)", UNSPACED):
        kinds[ord(first) : ord(last) + 1] = ALONE
    values = np.random.RandomState(1).randint(0, 1 << 63, count, dtype=np.uint64)
    return kinds, np.where(kinds == BETWEEN, np.uint64(0), values * np.uint64(2) + np.uint64(1))


@cache
def _powers(count: int) -> tuple[Hashes, Hashes]:
    """BASE ** i and BASE ** -i modulo 2 ** 64."""
    both = []
    for base in (BASE, pow(BASE, -1, 1 << 64)):
        powers = np.full(count, base, np.uint64)
        powers[0] = 1
        both.append(np.cumprod(powers, out=powers))
    return both[0], both[1]


def _hash(text: str) -> int:
    digest = blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def distinct(shingles: Shingles) -> Shingles:
    """The n-grams of each text sorted and each once."""
    hashes, starts = shingles.hashes.copy(), shingles.starts
    for start, end in pairwise(starts.tolist()):
        hashes[start:end].sort()
    new = np.ones(len(hashes), bool)
    new[1:] = hashes[1:] != hashes[:-1]
    new[starts[:-1]] = True
    return Shingles(hashes[new], np.append(0, np.cumsum(new))[starts])


def take(shingles: Shingles, places: Places) -> Shingles:
    """The shingles of some of the texts."""
    sizes = shingles.sizes()[places]
    ends = np.cumsum(sizes)
    inside = np.arange(sizes.sum()) + np.repeat(shingles.starts[places] - ends + sizes, sizes)
    return Shingles(shingles.hashes[inside], np.append(0, ends))


def similarity(ones: Shingles, others: Shingles, pairs: Pairs) -> npt.NDArray[np.float64]:
    """The exact Jaccard similarity of each pair (place in ones, place in others) of sets."""
    shared = common(ones, others, pairs)
    return shared / (ones.sizes()[pairs[:, 0]] + others.sizes()[pairs[:, 1]] - shared)


def common(ones: Shingles, others: Shingles, pairs: Pairs) -> npt.NDArray[np.int64]:
    """How many shingles the two sets of each pair have in common."""
    result = np.empty(len(pairs), np.int64)
    left, right = ones.starts.tolist(), others.starts.tolist()
    for place, (one, other) in enumerate(pairs.tolist()):
        both = np.concatenate(
            [
                ones.hashes[left[one] : left[one + 1]],
                others.hashes[right[other] : right[other + 1]],
            ]
        )
        both.sort()
        result[place] = np.count_nonzero(both[1:] == both[:-1])
    return result
