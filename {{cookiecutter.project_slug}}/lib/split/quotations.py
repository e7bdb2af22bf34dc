"""Find the rows of a file that quote the prompt of another row.

Pairs are proposed by a sample of n-grams, then compared. For each prompt, the n-grams of SHORTEST
words with the lowest hashes are kept, about SAMPLED of them (a sketch after Broder, 1997), and
looked up in every row. A row that has 80 % of a prompt has none of its sample with a probability of
e^-9.6; then the leakage check finds it.
"""

import numpy as np
import numpy.typing as npt

from lib.similarity.containment import SHARE, SHORTEST, containments
from lib.similarity.jaccard import SLACK
from lib.similarity.own_words import Shared, SortedHashes, own_words
from lib.similarity.shingles import Hashes, IndexPairs, Indices, Shingles, ngrams, ranges
from lib.similarity.spans import Spans
from lib.similarity.word_file import WordFile

Numbers = npt.NDArray[np.int32]  # of prompts

SAMPLED = 12  # n-grams of a prompt, on average
_MOST = 32  # prompts proposed for one n-gram: the first that have it
_BATCH = 1 << 12  # pairs compared at a time


def quotations(file: WordFile, rows: Spans, prompts: Spans, shared: Shared) -> IndexPairs:
    """Find pairs (row, prompt of another row) where the row quotes the prompt.

    rows, prompts: their spans in the file, in order; a row begins with its prompt.
    """
    hashes, owner = _samples(file, prompts, shared)
    if not len(hashes):
        return np.empty((0, 2), np.int64)
    known, start, found = SortedHashes(hashes), 0, [np.empty((0, 2), np.int64)]
    for words in file.in_order(rows):
        pairs = _proposed(words, known, owner, start, shared)
        for some in np.split(pairs, range(_BATCH, len(pairs), _BATCH)):
            found.append(some[_quotes(file, rows, prompts, some, shared)])
        start += len(words.starts) - 1
    return np.concatenate(found)


def _samples(file: WordFile, prompts: Spans, shared: Shared) -> tuple[Hashes, Numbers]:
    """Return the sampled n-grams of all prompts, sorted, and the prompt of each."""
    start, hashes, owners = 0, [np.empty(0, np.uint64)], [np.empty(0, np.int32)]
    for words in file.in_order(prompts):
        own = own_words(words, shared)
        grams = ngrams(own, SHORTEST)
        counts = grams.sizes()
        most = np.minimum(SAMPLED / counts, 1.0) * (2.0**64 - 2.0**11)  # the next float below
        most[own.sizes() < SHORTEST] = 0
        owner = np.repeat(np.arange(start, start + len(counts), dtype=np.int32), counts)
        lowest = grams.hashes <= np.repeat(most.astype(np.uint64), counts)
        lowest &= np.repeat(most > 0, counts)
        hashes.append(grams.hashes[lowest])
        owners.append(owner[lowest])
        start += len(counts)
    together = np.concatenate(hashes)
    order = np.argsort(together, kind="stable")
    return together[order], np.concatenate(owners)[order]


def _proposed(
    words: Shingles, known: SortedHashes, owner: Numbers, start: int, shared: Shared
) -> IndexPairs:
    """Return pairs (row, prompt of another row) that share a sampled n-gram of the prompt."""
    grams = ngrams(own_words(words, shared), SHORTEST)
    places, begin, length = known.find(grams.hashes)
    length = np.minimum(length, _MOST)
    row = np.searchsorted(grams.starts, places, "right") - 1 + start
    row, prompt = np.repeat(row, length), owner[ranges(begin, length)].astype(np.int64)
    codes = np.unique((row << 32 | prompt)[row != prompt])
    return np.stack([codes >> 32, codes & (1 << 32) - 1], axis=1)


def _quotes(
    file: WordFile, rows: Spans, prompts: Spans, pairs: IndexPairs, shared: Shared
) -> Indices:
    """Return the indices of the pairs where the row quotes the prompt."""
    if not len(pairs):
        return np.empty(0, np.int64)
    said, one = file.words(rows[pairs[:, 0]])
    asked, other = file.words(prompts[pairs[:, 1]])
    values = containments(said, asked, np.stack([one, other], axis=1), shared)
    return np.flatnonzero(values >= SHARE - SLACK)
