"""Find all near copies of known texts, exactly."""

from collections.abc import Iterator, Sequence

import numpy as np

from lib.runtime.progress import tell_progress
from lib.similarity import rare_index
from lib.similarity.hit import Hit
from lib.similarity.jaccard import SLACK
from lib.similarity.own_words import NgramSets, Shared, ngrams_of, own_words, sets_of, similarity
from lib.similarity.rare_index import RareIndex
from lib.similarity.shingles import chunks, distinct, ngrams, word_hashes


class NearIndex:
    """An index of known texts by their rarest shingles; finds near copies of them."""

    def __init__(
        self, texts: Sequence[str], threshold: float, ngram: int, shared: Shared = b""
    ) -> None:
        """threshold: Jaccard similarity from which texts are near copies; ngram: words per shingle;
        shared: passages to ignore."""
        self.texts, self.threshold, self.ngram, self.shared = texts, threshold, ngram, shared
        self.index = RareIndex(self._shingles, len(texts), threshold)

    def _shingles(self) -> Iterator[rare_index.NumberedSets]:
        start = 0
        for some in chunks(self.texts):
            words = own_words(word_hashes(some), self.shared)
            numbers = np.arange(start, start + len(some))
            yield rare_index.NumberedSets(distinct(ngrams(words, self.ngram)), numbers)
            start += len(some)

    def search_texts(self, texts: Sequence[str]) -> list[Hit]:
        """Find every near copy among texts, chunk by chunk."""
        start, found = 0, []
        with tell_progress("near copies", total=len(texts), unit="row") as bar:
            for some in chunks(texts):
                hits = self.search(ngrams_of(word_hashes(some), self.ngram, self.shared))
                found += [hit._replace(one=hit.one + start) for hit in hits]
                start += len(some)
                bar.update(len(some))
        return found

    def search(self, grams: NgramSets) -> list[Hit]:
        """Find every near copy among texts, given by their n-grams."""
        pairs = self.index.search(grams.own)
        if not len(pairs):
            return []
        some, one = np.unique(pairs[:, 0], return_inverse=True)
        used, other = np.unique(pairs[:, 1], return_inverse=True)
        known = sets_of([self.texts[index] for index in used.tolist()], self.ngram, self.shared)
        sides = np.stack([one, other], axis=1)
        values = similarity(grams.take(some).distinct(), known, sides)
        return [
            Hit(left, right, value)
            for (left, right), value in zip(pairs.tolist(), values.tolist(), strict=True)
            if value >= self.threshold - SLACK
        ]
