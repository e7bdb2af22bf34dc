"""Containment: how much of a held-out prompt stands word for word in a longer text.

Jaccard similarity misses a short prompt that is quoted in a long row. Containment does not: it is
the share of the prompt's n-grams that the row has (Broder, 1997), here of 13 words, the length
that GPT-3 (Brown et al., 2020, appendix C) and lm-evaluation-harness decontaminate with; 13
characters of Chinese, Japanese or Thai are about 8 words. Of a prompt of 8 to 12 words all must
stand in the row; a shorter one may stand anywhere by chance and is not looked for.

Who has `share` of a prompt's n-grams has one of any `1 - share` of them. So only the rarest such
part of each prompt is kept in memory and looked up, and the pairs found are compared in full.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from lib.similarity.leakage import Hit
from lib.similarity.shingles import (
    Hashes,
    Places,
    chunks,
    common,
    distinct,
    ngrams,
    word_hashes,
)

SHORTEST, LONGEST = 8, 13  # words an n-gram
SHARE = (
    0.8  # from which a prompt counts as contained; so many tokens make Llama 2's "dirty" samples
)
BUCKETS = 1 << 22  # in which n-grams are counted
SLACK = 1e-9  # of a product of fractions
MULTIPLIERS = np.random.RandomState(13).randint(0, 1 << 63, LONGEST, np.uint64) | np.uint64(1)


class Grams(NamedTuple):
    """n-grams, and for each the place of the text it is from."""

    hashes: Hashes
    text: Places

    def where(self, chosen: npt.NDArray[Any]) -> "Grams":
        """Some of them."""
        return Grams(self.hashes[chosen], self.text[chosen])


class Index(NamedTuple):
    """Prompts by their rare n-grams, sorted by hash, and what tells quickly that none is there."""

    prompts: Sequence[str]
    share: float
    grams: Grams
    sizes: list[int]  # n of the n-grams
    present: npt.NDArray[np.bool_]  # by the first bits of a hash


def contained(
    texts: Iterable[str], prompts: Sequence[str], share: float = SHARE, itself: bool = True
) -> list[Hit]:
    """Every (text, prompt, containment) where the text has at least `share` of the prompt's
    n-grams; without pairs of the same place unless `itself`. Exact but for 64-bit hashes."""
    return quoted_in(texts, index_of(prompts, share), itself)


def quoted_in(texts: Iterable[str], index: Index, itself: bool = True) -> list[Hit]:
    """What `contained` finds, of prompts that are indexed already."""
    start, found = 0, []
    for some in tqdm(chunks(texts), desc="quotations", unit="chunk", delay=2, leave=False):
        pairs = _candidates(some, index, len(index.prompts))
        if not itself:
            pairs = pairs[pairs[:, 0] + start != pairs[:, 1]]
        values = _containments(some, index.prompts, pairs)
        for (one, other), value in zip(pairs.tolist(), values.tolist(), strict=True):
            if value >= index.share - SLACK:
                found.append(Hit(start + one, other, value))
        start += len(some)
    return found


def _containments(
    texts: Sequence[str], prompts: Sequence[str], pairs: Places
) -> npt.NDArray[np.float64]:
    """The share of each prompt's n-grams that the text of the pair has."""
    if not len(pairs):
        return np.empty(0)
    places, at = np.unique(pairs[:, 1], return_inverse=True)
    said, asked = word_hashes(texts), word_hashes([prompts[place] for place in places.tolist()])
    sizes, values = np.minimum(asked.sizes(), LONGEST)[at], np.empty(len(pairs))
    for size in np.unique(sizes).tolist():
        chosen = np.flatnonzero(sizes == size)
        ones, others = (distinct(ngrams(words, size)) for words in (said, asked))
        both = np.stack([pairs[chosen, 0], at[chosen]], axis=1)
        values[chosen] = common(ones, others, both) / others.sizes()[at[chosen]]
    return values


def _candidates(texts: Sequence[str], index: Index, count: int) -> Places:
    """Pairs (text, prompt) that share one of the prompt's rare n-grams, in order."""
    said, codes = _hashed(texts), [np.empty(0, np.int64)]
    hashes, prompts = index.grams
    for size in index.sizes:
        grams = _ngrams(said, size)
        grams = grams.where(index.present[_bucket(grams.hashes, len(index.present))])
        begin = np.searchsorted(hashes, grams.hashes)
        known = hashes[np.minimum(begin, len(hashes) - 1)] == grams.hashes
        grams, begin = grams.where(known), begin[known]
        length = np.searchsorted(hashes, grams.hashes, "right") - begin
        offset = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
        prompt = prompts[np.repeat(begin, length) + offset]
        codes.append(np.unique(np.repeat(grams.text, length) * count + prompt))
    return np.stack(np.divmod(np.unique(np.concatenate(codes)), max(count, 1)), axis=1)


def index_of(prompts: Sequence[str], share: float = SHARE) -> Index:
    """The rarest n-grams of each prompt, as many as must include a shared one."""
    counts, sizes = np.zeros(BUCKETS, np.int32), set[int]()
    for size, grams in _prompt_grams(prompts):
        np.add.at(counts, _bucket(grams.hashes, BUCKETS), 1)
        sizes.add(size)
    parts = [Grams(np.empty(0, np.uint64), np.empty(0, np.int64))]
    for _, grams in _prompt_grams(prompts):
        rarity = counts[_bucket(grams.hashes, BUCKETS)]
        order = np.lexsort((grams.hashes, rarity, grams.text))
        _, first, own = np.unique(grams.text, return_index=True, return_counts=True)
        place = np.arange(len(order)) - np.repeat(first, own)
        needed = own - np.ceil(share * own - SLACK).astype(np.int64) + 1
        parts.append(grams.where(order[place < np.repeat(needed, own)]))
    rare = Grams(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    del parts
    rare = rare.where(np.argsort(rare.hashes, kind="stable"))
    present = np.zeros(8 << len(rare.hashes).bit_length(), bool)  # one in eight to sixteen is set
    present[_bucket(rare.hashes, len(present))] = True
    return Index(prompts, share, rare, sorted(sizes), present)


def _bucket(hashes: Hashes, count: int) -> Places:
    """The first bits of hashes, as a place in an array of `count`, a power of two."""
    return (hashes >> np.uint64(65 - count.bit_length())).astype(np.int64)


def _prompt_grams(prompts: Sequence[str]) -> Iterator[tuple[int, Grams]]:
    """(n, distinct n-grams of prompts, by prompt); n is 13, or the length of a shorter prompt."""
    start = 0
    for some in chunks(prompts):
        asked = _hashed(some)
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
    """The n-grams of so many words that lie inside one text; other sizes have other hashes."""
    count = max(len(said.text) - size + 1, 0)
    hashes = np.full(count, size, np.uint64)
    for step in range(size):
        hashes += said.hashes[step : step + count] * MULTIPLIERS[step]
    inside = said.text[:count] == said.text[size - 1 :]
    return Grams(hashes, said.text[:count]).where(inside)


def _hashed(texts: Sequence[str]) -> Grams:
    """The words of texts, as n-grams of one word."""
    words = word_hashes(texts)
    return Grams(words.hashes, np.repeat(np.arange(len(texts)), words.sizes()))
