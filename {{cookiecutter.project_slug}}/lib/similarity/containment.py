"""Find texts that quote a prompt word for word, by containment.

Jaccard similarity misses a short prompt that is quoted in a long row. Containment does not: it is
the share of the prompt's n-grams that the row has (Broder, 1997), here of 13 words, the length used
for decontamination by GPT-3 (Brown et al., 2020, appendix C) and lm-evaluation-harness; 13
characters of Chinese, Japanese or Thai are about 8 words. A prompt of 8 to 12 words must occur in
the row as a whole; a shorter one may occur by chance and is not searched for.

Pairs are proposed by the rarest n-grams of each prompt (rare_index.py), and compared in full.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np

from lib.runtime.progress import tell_progress
from lib.similarity.hit import Hit
from lib.similarity.jaccard import SLACK, count_shared
from lib.similarity.own_words import Shared, own_words
from lib.similarity.rare_index import NumberedSets, RareIndex
from lib.similarity.shingles import (
    Floats,
    IndexPairs,
    Shingles,
    chunks,
    distinct,
    ngrams,
    word_hashes,
)

SHORTEST, _LONGEST = 8, 13  # words per n-gram
SHARE = 0.8  # containment from which a prompt counts as quoted: that of Llama 2's "dirty" samples


class QuoteIndex:
    """An index of prompts by their rarest n-grams; finds texts that quote them."""

    def __init__(self, prompts: Sequence[str], share: float = SHARE, shared: Shared = b"") -> None:
        """share: containment, 0 to 1, from which a text quotes a prompt; shared: passages to
        ignore."""
        self.prompts, self.share, self.shared = prompts, share, shared
        sizes = [np.empty(0, np.int64)]
        sizes += [own_words(word_hashes(some), shared).sizes() for some in chunks(prompts)]
        self.own = np.minimum(np.concatenate(sizes), _LONGEST)  # words per n-gram
        self.indexes = {
            size: RareIndex(partial(self._grams, size), len(prompts), share)
            for size in range(SHORTEST, _LONGEST + 1)
            if size in self.own
        }

    def _grams(self, size: int) -> Iterator[NumberedSets]:
        """Yield the n-grams of the prompts that are searched by n-grams of this size."""
        numbers = np.flatnonzero(self.own == size)
        start = 0
        for some in chunks(self.prompts[number] for number in numbers.tolist()):
            words = own_words(word_hashes(some), self.shared)
            yield NumberedSets(distinct(ngrams(words, size)), numbers[start : start + len(some)])
            start += len(some)

    def search(self, texts: Iterable[str]) -> list[Hit]:
        """Find every (text, prompt, containment) with a containment of at least `share`.

        Exact but for 64-bit hashes.
        """
        start, found = 0, []
        for some in tell_progress("quotations", chunks(texts), unit="chunk"):
            words = word_hashes(some)
            pairs = self._candidates(own_words(words, self.shared))
            values = self._containments(words, pairs)
            for (one, other), value in zip(pairs.tolist(), values.tolist(), strict=True):
                if value >= self.share - SLACK:
                    found.append(Hit(start + one, other, value))
            start += len(some)
        return found

    def _candidates(self, words: Shingles) -> IndexPairs:
        """Pairs (text, prompt) that share enough of the prompt's rare n-grams, in order."""
        found = [np.empty((0, 2), np.int64)]
        found += [index.search(ngrams(words, size)) for size, index in self.indexes.items()]
        pairs = np.concatenate(found)
        return pairs[np.lexsort(pairs.T[::-1])]

    def _containments(self, whole: Shingles, pairs: IndexPairs) -> Floats:
        """The containments of pairs of texts, given by their words, and prompts."""
        used, at = np.unique(pairs[:, 1], return_inverse=True)
        asked = word_hashes([self.prompts[index] for index in used.tolist()])
        return containments(whole, asked, np.stack([pairs[:, 0], at], axis=1), self.shared)


def containments(said: Shingles, asked: Shingles, pairs: IndexPairs, shared: Shared) -> Floats:
    """Compute the containment, 0 to 1, of each pair (text, prompt), both given by their words.

    It is the share of the prompt's n-grams that the text has; the lower of that over own words and
    over all words. Prompts have at least SHORTEST own words.
    """
    values = _shares(own_words(said, shared), own_words(asked, shared), pairs)
    return np.minimum(values, _shares(said, asked, pairs)) if shared else values


def _shares(said: Shingles, asked: Shingles, pairs: IndexPairs) -> Floats:
    """The share of the n-grams of the second of each pair that the first has; texts by words."""
    values = np.empty(len(pairs))
    sizes = np.minimum(asked.sizes(), _LONGEST)[pairs[:, 1]]
    for size in np.unique(sizes).tolist():
        chosen = pairs[sizes == size]
        ones, others = (distinct(ngrams(words, size)) for words in (said, asked))
        values[sizes == size] = count_shared(ones, others, chosen) / others.sizes()[chosen[:, 1]]
    return values
