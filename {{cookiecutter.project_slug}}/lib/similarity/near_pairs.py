"""Find near copies among more texts than fit into memory: proposed by MinHash, then compared."""

from collections.abc import Iterable
from functools import partial
from tempfile import TemporaryFile
from typing import NamedTuple

from lib.similarity.bucket_file import BucketFile
from lib.similarity.minhash import Keys, band_keys, bands, signatures
from lib.similarity.near_copies import near_copies
from lib.similarity.own_words import Shared, ngrams_of, own_words, similarity
from lib.similarity.shingles import Floats, IndexPairs, Shingles, chunks, ngrams, word_hashes
from lib.similarity.spans import Spans
from lib.similarity.word_file import WordFile


def near_copies_in(
    texts: Iterable[str],
    threshold: float,
    ngram: int,
    permutations: int,
    seed: int,
    recall: float,
    shared: Shared = b"",
) -> tuple[IndexPairs, Floats]:
    """Find pairs of texts with a Jaccard similarity of at least `threshold`, and compute it.

    ngram         words per shingle
    permutations  rows of a MinHash signature, drawn by `seed`
    recall        share of pairs exactly at `threshold` that is found; of closer pairs, more are
    shared        passages to ignore
    """
    sketch = Sketch(*bands(threshold, permutations, recall), permutations, seed)
    with TemporaryFile() as raw, TemporaryFile() as more:
        file, buckets = WordFile(raw), BucketFile(more, sketch.bands)
        for some in chunks(texts):
            words = word_hashes(some)
            file.add(words)
            buckets.add(sketch.keys(ngrams(own_words(words, shared), ngram)))
        return similar_pairs(file, file.spans(), buckets, threshold, ngram, shared)


class Sketch(NamedTuple):
    """The parameters by which texts are hashed to buckets that propose pairs."""

    bands: int
    rows: int  # of a signature, in a band
    permutations: int  # rows of a signature
    seed: int

    def keys(self, grams: Shingles) -> Keys:
        """Compute the bucket keys of texts, given by their n-grams: shape (texts, bands)."""
        return band_keys(signatures(grams, self.permutations, self.seed), self.bands, self.rows)


def similar_pairs(
    file: WordFile,
    spans: Spans,
    buckets: BucketFile,
    threshold: float,
    ngram: int,
    shared: Shared,
) -> tuple[IndexPairs, Floats]:
    """Find pairs of texts that share a bucket and are at least `threshold` similar.

    spans: where each text is in the file.
    """
    compare = partial(_similarity_in, file, ngram, shared)
    pairs, values = near_copies(buckets.columns(), spans, compare)
    return pairs[values >= threshold], values[values >= threshold]


def _similarity_in(file: WordFile, ngram: int, shared: Shared, spans: Spans) -> Floats:
    """Compute the similarity of pairs of texts, given by the spans of their words in a file."""
    words, pairs = file.words(spans.reshape(-1, 2))
    sets = ngrams_of(words, ngram, shared).distinct()
    return similarity(sets, sets, pairs.reshape(-1, 2))
