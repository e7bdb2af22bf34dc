"""Containment: how much of a prompt a longer text quotes word for word.

Jaccard similarity misses a short prompt that is quoted in a long row. Containment does not: it is
the share of the prompt's n-grams that the row has (Broder, 1997), here of 13 words, the length
that GPT-3 (Brown et al., 2020, appendix C) and lm-evaluation-harness decontaminate with; 13
characters of Chinese, Japanese or Thai are about 8 words. A prompt of 8 to 12 words must stand in
the row whole; a shorter one may stand in any text by chance and is not searched for.

A text that has `share` of a prompt's n-grams has at least one of any `1 - share` of them. So only
the rarest such part of each prompt is kept in memory and looked up, and the pairs found are
compared in full (as in the prefix filter of prefix_filter.py).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from lib.similarity.hit import Hit
from lib.similarity.jaccard import SLACK, count_shared
from lib.similarity.own_words import Shared, own_words
from lib.similarity.shingles import (
    Floats,
    Hashes,
    IndexPairs,
    Indices,
    Shingles,
    chunks,
    distinct,
    ngrams,
    ranges,
    word_hashes,
)

SHORTEST, LONGEST = 8, 13  # words per n-gram
SHARE = (
    0.8  # from which a prompt counts as quoted: the share of tokens of Llama 2's "dirty" samples
)
BUCKETS = 1 << 22  # in which n-grams are counted
FACTORS = np.random.RandomState(13).randint(0, 1 << 63, LONGEST, np.uint64) | np.uint64(1)


class Grams(NamedTuple):
    """n-grams, and for each the index of the text it is from."""

    hashes: Hashes
    text: Indices

    def where(self, chosen: npt.NDArray[Any]) -> "Grams":
        """Choose some of them, by a mask or indices."""
        return Grams(self.hashes[chosen], self.text[chosen])


class QuoteIndex:
    """Prompts by their rarest n-grams, to search texts for those that quote them."""

    def __init__(self, prompts: Sequence[str], share: float = SHARE, shared: Shared = b"") -> None:
        """share: the containment, 0 to 1, from which a text quotes a prompt; shared: passages that
        do not count."""
        self.prompts, self.share, self.shared = prompts, share, shared
        counts, sizes = np.zeros(BUCKETS, np.int32), set[int]()
        for size, grams in _prompt_grams(prompts, shared):
            np.add.at(counts, _bucket(grams.hashes, BUCKETS), 1)
            sizes.add(size)
        self.sizes = sorted(sizes)  # n of the n-grams
        self.grams = _rarest(_prompt_grams(prompts, shared), counts, share)  # by hash
        slots = 8 << len(self.grams.hashes).bit_length()  # one in eight to sixteen is set
        self.present = np.zeros(slots, bool)
        self.present[_bucket(self.grams.hashes, slots)] = True

    def search(self, texts: Iterable[str], itself: bool = True) -> list[Hit]:
        """Find every (text, prompt, containment) of at least `share`.

        Without those of the same index unless `itself`. Exact but for 64-bit hashes.
        """
        start, found = 0, []
        for some in tqdm(
            chunks(texts), desc="quotations", unit="chunk", delay=2, leave=False, disable=None
        ):
            whole = word_hashes(some)
            words = own_words(whole, self.shared)
            pairs = self._candidates(words)
            if not itself:
                pairs = pairs[pairs[:, 0] + start != pairs[:, 1]]
            values = self._containments(words, whole, pairs)
            for (one, other), value in zip(pairs.tolist(), values.tolist(), strict=True):
                if value >= self.share - SLACK:
                    found.append(Hit(start + one, other, value))
            start += len(some)
        return found

    def _candidates(self, words: Shingles) -> IndexPairs:
        """Pairs (text, prompt) that share one of the prompt's rare n-grams, in order."""
        codes, count = [np.empty(0, np.int64)], max(len(self.prompts), 1)
        said, (hashes, prompts) = _by_text(words), self.grams
        for size in self.sizes:
            grams = _ngrams(said, size)
            grams = grams.where(self.present[_bucket(grams.hashes, len(self.present))])
            begin = np.searchsorted(hashes, grams.hashes)
            known = hashes[np.minimum(begin, len(hashes) - 1)] == grams.hashes
            grams, begin = grams.where(known), begin[known]
            length = np.searchsorted(hashes, grams.hashes, "right") - begin
            prompt = prompts[ranges(begin, length)]
            codes.append(np.unique(np.repeat(grams.text, length) * count + prompt))
        return np.stack(np.divmod(np.unique(np.concatenate(codes)), count), axis=1)

    def _containments(self, own: Shingles, whole: Shingles, pairs: IndexPairs) -> Floats:
        """The share of each prompt's n-grams that the text of the pair has, of own words and of all
        words the lower; texts by these words."""
        used, at = np.unique(pairs[:, 1], return_inverse=True)
        asked = word_hashes([self.prompts[index] for index in used.tolist()])
        pairs = np.stack([pairs[:, 0], at], axis=1)
        values = _shares(own, own_words(asked, self.shared), pairs)
        return np.minimum(values, _shares(whole, asked, pairs)) if self.shared else values


def _shares(said: Shingles, asked: Shingles, pairs: IndexPairs) -> Floats:
    """The share of the n-grams of the second of each pair that the first has; texts by words."""
    values = np.empty(len(pairs))
    sizes = np.minimum(asked.sizes(), LONGEST)[pairs[:, 1]]
    for size in np.unique(sizes).tolist():
        chosen = pairs[sizes == size]
        ones, others = (distinct(ngrams(words, size)) for words in (said, asked))
        values[sizes == size] = count_shared(ones, others, chosen) / others.sizes()[chosen[:, 1]]
    return values


def _rarest(
    prompts: Iterable[tuple[int, Grams]], counts: npt.NDArray[np.int32], share: float
) -> Grams:
    """The rarest n-grams of each prompt, as many as must include a shared one, sorted by hash."""
    parts = [Grams(np.empty(0, np.uint64), np.empty(0, np.int64))]
    for _, grams in prompts:
        rarity = counts[_bucket(grams.hashes, BUCKETS)]
        order = np.lexsort((grams.hashes, rarity, grams.text))
        _, first, own = np.unique(grams.text, return_index=True, return_counts=True)
        nth = np.arange(len(order)) - np.repeat(first, own)
        needed = own - np.ceil(share * own - SLACK).astype(np.int64) + 1
        parts.append(grams.where(order[nth < np.repeat(needed, own)]))
    rare = Grams(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    del parts
    return rare.where(np.argsort(rare.hashes, kind="stable"))


def _bucket(hashes: Hashes, count: int) -> Indices:
    """The first bits of hashes, as an index into an array of `count`, a power of two."""
    return (hashes >> np.uint64(65 - count.bit_length())).astype(np.int64)


def _prompt_grams(prompts: Sequence[str], shared: Shared) -> Iterator[tuple[int, Grams]]:
    """(n, distinct n-grams of prompts, by prompt); n is 13, or the length of a shorter prompt."""
    start = 0
    for some in chunks(prompts):
        asked = _by_text(own_words(word_hashes(some), shared))
        sizes = np.minimum(np.bincount(asked.text)[asked.text], LONGEST)
        for size in range(SHORTEST, LONGEST + 1):
            if size in sizes:
                grams = _ngrams(asked.where(sizes == size), size)
                hashes, text = grams.where(np.lexsort((grams.hashes, grams.text)))
                new = np.ones(len(text), bool)
                new[1:] = (hashes[1:] != hashes[:-1]) | (text[1:] != text[:-1])
                yield size, Grams(hashes[new], text[new] + start)
        start += len(some)


def _ngrams(said: Grams, size: int) -> Grams:
    """The n-grams of `size` words that lie inside one text; other sizes have other hashes."""
    count = max(len(said.text) - size + 1, 0)
    hashes = np.full(count, size, np.uint64)
    for step in range(size):
        hashes += said.hashes[step : step + count] * FACTORS[step]
    inside = said.text[:count] == said.text[size - 1 :]
    return Grams(hashes, said.text[:count]).where(inside)


def _by_text(words: Shingles) -> Grams:
    """The words of texts, as n-grams of one word."""
    sizes = words.sizes()
    return Grams(words.hashes, np.repeat(np.arange(len(sizes)), sizes))
