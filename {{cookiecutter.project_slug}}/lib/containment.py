"""Containment: how much of a held-out prompt stands word for word in a longer text.

Jaccard similarity misses a short prompt that is quoted in a long row. Containment does not: it is
the share of the prompt's n-grams that the row has (Broder, 1997), here of 13 words, the length
that GPT-3 (Brown et al., 2020, appendix C) and lm-evaluation-harness decontaminate with; 13
characters of Chinese, Japanese or Thai are about 8 words. Of a prompt of 8 to 12 words all must
stand in the row; a shorter one may stand anywhere by chance and is not looked for.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import chain

import numpy as np
import numpy.typing as npt

from lib.leakage import Hit
from lib.text import words

SHORTEST, LONGEST = 8, 13  # words an n-gram
SHARE = (
    0.8  # from which a prompt counts as contained; so many tokens make Llama 2's "dirty" samples
)
CHUNK = 4096  # texts looked up at a time
SLACK = 1e-9  # of a product of fractions
MULTIPLIERS = np.random.RandomState(13).randint(0, 1 << 63, LONGEST, np.uint64) | np.uint64(1)

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
Words = list[list[str]]


def contained(texts: Sequence[str], prompts: Sequence[str], share: float = SHARE) -> list[Hit]:
    """Every (text, prompt, containment) where the text has at least `share` of the prompt's
    n-grams. Exact but for collisions of 64-bit hashes."""
    found = []
    asked = [words(prompt) for prompt in prompts]
    for ngram in range(SHORTEST, LONGEST + 1):
        some = [place for place, one in enumerate(asked) if min(len(one), LONGEST) == ngram]
        if some:
            index = _Index([asked[place] for place in some], ngram, share)
            found += [Hit(one, some[other], value) for one, other, value in index.search(texts)]
    return sorted(found)


class _Index:
    """The n-grams of prompts. Who shares `share` of a prompt's n-grams shares one of its
    rarest `1 - share`, so only those are looked up (the prefix filter)."""

    def __init__(self, prompts: Words, ngram: int, share: float) -> None:
        self.ngram, self.share = ngram, share
        grams, owner = _distinct(*_ngrams(prompts, ngram))
        self.sizes = np.bincount(owner, minlength=len(prompts))
        self.grams, self.starts = grams, np.cumsum(self.sizes) - self.sizes
        _, number, counts = np.unique(grams, return_inverse=True, return_counts=True)
        order = np.lexsort((grams, counts[number], owner))  # of each prompt the rarest first
        place = np.arange(len(grams)) - np.repeat(self.starts, self.sizes)
        rare = order[place < self.sizes[owner] - np.ceil(share * self.sizes - SLACK)[owner] + 1]
        rare = rare[np.argsort(grams[rare], kind="stable")]
        self.rare, self.owner = grams[rare], owner[rare]

    def search(self, texts: Sequence[str]) -> Iterator[Hit]:
        """Hits whose `other` is a place in this index."""
        for start in range(0, len(texts), CHUNK):
            chunk = [words(text) for text in texts[start : start + CHUNK]]
            grams, text = _distinct(*_ngrams(chunk, self.ngram))
            begin, end = (np.searchsorted(self.rare, grams, side) for side in ("left", "right"))
            length = end - begin
            offset = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
            other = self.owner[np.repeat(begin, length) + offset]
            codes = np.unique(np.repeat(text, length) * len(self.sizes) + other)
            bounds = np.searchsorted(text, np.arange(len(chunk) + 1))
            for one, prompt in zip(*np.divmod(codes, len(self.sizes)), strict=True):
                own = grams[bounds[one] : bounds[one + 1]]
                value = float(np.isin(self._grams_of(prompt), own).mean())
                if value >= self.share - SLACK:
                    yield Hit(start + int(one), int(prompt), value)

    def _grams_of(self, prompt: int) -> Hashes:
        return self.grams[self.starts[prompt] : self.starts[prompt] + self.sizes[prompt]]


def _ngrams(texts: Words, ngram: int) -> tuple[Hashes, Places]:
    """(hash, place of its text) of every n-gram that lies inside one text."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    flat = np.fromiter(map(_hash, chain.from_iterable(texts)), np.uint64, lengths.sum())
    text = np.repeat(np.arange(len(texts)), lengths)
    count = max(len(flat) - ngram + 1, 0)
    grams = np.zeros(count, np.uint64)
    for step in range(ngram):
        grams += flat[step : step + count] * MULTIPLIERS[step]
    inside = text[:count] == text[ngram - 1 :]
    return grams[inside], text[:count][inside]


def _distinct(grams: Hashes, text: Places) -> tuple[Hashes, Places]:
    """Each n-gram of a text once, by text and hash."""
    order = np.lexsort((grams, text))
    grams, text = grams[order], text[order]
    new = np.ones(len(grams), bool)
    new[1:] = (grams[1:] != grams[:-1]) | (text[1:] != text[:-1])
    return grams[new], text[new]


@lru_cache(maxsize=1 << 18)
def _hash(word: str) -> int:
    digest = blake2b(word.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
