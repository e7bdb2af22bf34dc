"""Turn texts into shingles: sets of word n-grams (Broder, 1997), each a 64-bit hash.

Hashes are the same on every machine. A text shorter than n words is one shingle. All texts of a
chunk are hashed together, as one array of characters; words are those of `lib.core.text.words`, in
any language.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from lib.core.text import UNSPACED, fold_case, marks

Hashes = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]
IndexPairs = npt.NDArray[np.int64]  # shape (pairs, 2)
Floats = npt.NDArray[np.float64]
Kinds = npt.NDArray[np.uint8]
T = TypeVar("T")

CHUNK = 1 << 18  # characters hashed together: about the size of a CPU cache
# Not a letter; a letter of a word; a word by itself; a mark, part of the word that it follows.
_BETWEEN, SPACED, ALONE, _MARK = range(4)
MULTIPLIERS = np.random.RandomState(0).randint(0, 1 << 63, 32, dtype=np.uint64) | np.uint64(1)
BASE = 0x9E3779B97F4A7C15  # base of the polynomial hash of a word; odd, so it has an inverse


class Shingles(NamedTuple):
    """The n-grams of many texts, concatenated: text i has hashes[starts[i]:starts[i + 1]].

    Each text has at least one. From `shingle` and `distinct` they are sets: sorted and unique."""

    hashes: Hashes
    starts: Indices  # one more than texts

    def sizes(self) -> Indices:
        """Count the shingles of each text."""
        return np.diff(self.starts)


def mix(hashes: Hashes) -> Hashes:
    """Mix the bits of 64-bit hashes (the finalizer of MurmurHash3; Appleby, 2011)."""
    hashes = (hashes ^ (hashes >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    hashes = (hashes ^ (hashes >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return hashes ^ (hashes >> np.uint64(33))


def shingle(texts: Sequence[str], ngram: int) -> Shingles:
    """Turn each text into the set of its word n-grams."""
    return joined([distinct(ngrams(word_hashes(some), ngram)) for some in chunks(texts)])


def chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield lists of consecutive texts, each of about CHUNK characters."""
    return _in_chunks(texts, len)


def row_chunks(rows: Iterable[list[str]]) -> Iterator[list[list[str]]]:
    """Yield lists of consecutive rows of texts, each list of about CHUNK characters."""
    return _in_chunks(rows, lambda row: sum(map(len, row)))


def _in_chunks(items: Iterable[T], length: Callable[[T], int]) -> Iterator[list[T]]:
    """Yield lists of consecutive items; length: the characters of one."""
    some: list[T] = []
    size = 0
    for item in items:
        some.append(item)
        size += length(item)
        if size >= CHUNK:
            yield some
            some, size = [], 0
    if some:
        yield some


def joined(parts: list[Shingles]) -> Shingles:
    """Concatenate the shingles of several lists of texts."""
    sizes = [part.sizes() for part in parts]
    starts = np.cumsum(np.concatenate([np.zeros(1, np.int64), *sizes]))
    hashes = np.concatenate([np.empty(0, np.uint64), *(part.hashes for part in parts)])
    return Shingles(hashes, starts)


def word_hashes(texts: Sequence[str]) -> Shingles:
    """Hash every word of every text, in order; a text without words counts as one word."""
    forms = [fold_case(text) for text in texts]
    text = "\n".join([*forms, ""]).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(text, np.uint32).astype(np.intp)
    kinds, values = _alphabet()
    kind, terms = kinds[codes], values[codes]
    _settle_marks(kind, terms)
    letter, before = kind == SPACED, np.zeros(len(kind), bool)
    before[1:] = letter[:-1]
    begins = np.flatnonzero((kind == ALONE) | (letter & ~before))
    # A word's hash is the polynomial of its characters' values, taken from prefix sums; characters
    # between words have the value 0.
    power, inverse = _powers(max(CHUNK, 1 << len(codes).bit_length()))
    terms *= power[: len(codes)]
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(terms, out=sums[1:])
    hashes = np.diff(sums[begins], append=sums[-1]) * inverse[begins]
    ends = np.cumsum(np.fromiter((len(form) + 1 for form in forms), np.int64, len(forms)))
    starts = np.concatenate([np.zeros(1, np.int64), np.searchsorted(begins, ends)])
    empty = np.flatnonzero(starts[1:] == starts[:-1])
    if len(empty):  # only symbols, such as an emoji
        own = [_hash(texts[index].strip()) for index in empty.tolist()]
        hashes = np.insert(hashes, starts[empty], np.array(own, np.uint64))
        starts[1:] += np.searchsorted(empty, np.arange(len(texts)), "right")
    return Shingles(hashes, starts)


def ngrams(words: Shingles, ngram: int) -> Shingles:
    """Hash the n-grams of each text, in order and as often as they occur.

    words: the hashes of each text's words, from word_hashes. A text shorter than n words is one
    n-gram.
    """
    hashes, starts = words
    lengths, first = words.sizes(), starts[:-1]
    padded = np.concatenate([hashes, np.zeros(ngram, np.uint64)])
    grams = np.zeros(len(hashes), np.uint64)
    for step in range(ngram):  # n-grams that start at each word, as if all were one text
        grams += padded[step : step + len(hashes)] * MULTIPLIERS[step]
    short = lengths < ngram
    own = np.zeros(np.count_nonzero(short), np.uint64)
    for step in range(ngram - 1):
        inside = lengths[short] > step
        own += np.where(inside, padded[first[short] + step], 0) * MULTIPLIERS[step]
    grams[first[short]] = own
    inside = np.ones(len(hashes), bool)
    for step in range(1, ngram):  # those that start at a text's last words reach beyond it
        late = starts[1:] - step
        inside[late[late > first]] = False
    counts = np.maximum(lengths - ngram + 1, 1)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    return Shingles(mix(grams[inside]), starts)


def _settle_marks(kind: Kinds, values: Hashes) -> None:
    """Treat a mark as a letter of the word that it follows; elsewhere ignore it."""
    marked = np.flatnonzero(kind == _MARK)
    if len(marked):
        others = np.where(kind == _MARK, 0, np.arange(len(kind)))
        inside = kind[np.maximum.accumulate(others)[marked]] == SPACED
        kind[marked] = np.where(inside, SPACED, _BETWEEN)
        values[marked[~inside]] = 0


@cache
def _alphabet() -> tuple[Kinds, Hashes]:
    """(kind, value) of every code point; a letter is what \\w matches: isalnum or _."""
    count = 0x110000
    letters = np.fromiter(map(str.isalnum, map(chr, range(count))), bool, count)
    letters[ord("_")] = True
    kinds = np.where(letters, SPACED, _BETWEEN).astype(np.uint8)
    kinds[list(map(ord, marks()))] = _MARK
    for first, last in re.findall("(.)-(.)", UNSPACED):
        kinds[ord(first) : ord(last) + 1] = ALONE
    values = np.random.RandomState(1).randint(0, 1 << 63, count, dtype=np.uint64)
    return kinds, np.where(kinds == _BETWEEN, np.uint64(0), values * np.uint64(2) + np.uint64(1))


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
    """Sort the n-grams of each text and drop repeats."""
    hashes, starts = shingles.hashes.copy(), shingles.starts
    for start, end in pairwise(starts.tolist()):
        hashes[start:end].sort()
    new = np.ones(len(hashes), bool)
    new[1:] = hashes[1:] != hashes[:-1]
    new[starts[:-1]] = True
    return Shingles(hashes[new], np.append(0, np.cumsum(new))[starts])


def take(shingles: Shingles, texts: Indices) -> Shingles:
    """Select the shingles of some of the texts, in that order."""
    sizes = shingles.sizes()[texts]
    inside = ranges(shingles.starts[texts], sizes)
    return Shingles(shingles.hashes[inside], np.append(0, np.cumsum(sizes)))


def ranges(begins: Indices, counts: Indices) -> Indices:
    """Concatenate many ranges of indices: counts[i] indices from begins[i] on."""
    offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(begins, counts) + offsets
