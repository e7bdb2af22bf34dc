"""Find the records that must share a split, because one resembles or quotes the other.

MinHash finds them in time linear in the number of rows, but misses some where many are similar. The
leakage check finds those; they are tied, too, and split again.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import chain
from tempfile import TemporaryFile
from typing import NamedTuple

import numpy as np

from lib.core.records import Record, answers_of, prompt_texts
from lib.similarity.bucket_file import BucketFile
from lib.similarity.minhash import bands
from lib.similarity.near_pairs import Sketch, similar_pairs
from lib.similarity.own_words import Shared, own_words
from lib.similarity.params import SplitParams
from lib.similarity.shingles import IndexPairs, Indices, ngrams, row_chunks, take, word_hashes
from lib.similarity.spans import Spans
from lib.similarity.word_file import WordFile
from lib.split.leakage import Leak
from lib.split.quotations import quotations

PERMUTATIONS, _RECALL = 128, 0.9999  # a missed pair costs another search

Ties = defaultdict[int, list[int]]  # record -> earlier records, by index


def find_ties(records: Iterable[Record], params: SplitParams, shared: Shared = b"") -> Ties:
    """Find for each record the earlier ones that it resembles, quotes or is quoted in.

    Records are given by their index. Shared passages are ignored.
    """
    sketch = Sketch(*bands(params.threshold, PERMUTATIONS, _RECALL), PERMUTATIONS, params.seed)
    with TemporaryFile() as raw, TemporaryFile() as more:
        buckets = BucketFile(more, sketch.bands)
        texts = _read(records, WordFile(raw), buckets, sketch, params.ngram, shared)
        near = _near(texts, buckets, params, shared)
        pairs = np.concatenate([near, quotations(texts.file, texts.rows, texts.last, shared)])
    ties: Ties = defaultdict(list)
    for low, high in np.unique(np.sort(pairs, axis=1), axis=0).tolist():
        ties[high].append(low)
    return ties


class RecordTexts(NamedTuple):
    """The prompts and answers of records, as words in a file."""

    file: WordFile
    prompts: Spans  # of every prompt that a record answers
    owner: Indices  # for each of these the index of the record
    last: Spans  # of each record's last prompt
    rows: Spans  # of the last prompt and the answers after it


def _read(
    records: Iterable[Record],
    file: WordFile,
    buckets: BucketFile,
    sketch: Sketch,
    ngram: int,
    shared: Shared,
) -> RecordTexts:
    """Write the words of records to a file: of each the prompts, then the answers; the bucket keys
    of the prompts to another. Returns the spans of the words."""
    sizes = [np.empty(0, np.int64)]
    for some in row_chunks(map(_texts, records)):
        counts = np.fromiter(map(len, some), np.int64, len(some))
        words = word_hashes(list(chain.from_iterable(some)))
        file.add(words)
        asked = np.delete(np.arange(len(words.starts) - 1), np.cumsum(counts) - 1)
        own = own_words(take(words, asked), shared)
        buckets.add(sketch.keys(ngrams(own, ngram)))
        sizes.append(counts)
    counts, spans = np.concatenate(sizes), file.spans()
    answers = np.cumsum(counts) - 1
    rows = np.stack([spans[answers - 1, 0], spans[answers, 1]], axis=1)
    owner = np.repeat(np.arange(len(counts)), counts - 1)
    return RecordTexts(file, np.delete(spans, answers, axis=0), owner, spans[answers - 1], rows)


def _texts(record: Record) -> list[str]:
    """Return the prompts of a record and, as one text, its answers."""
    return [*prompt_texts(record), "\n".join(answers_of(record))]


def _near(
    texts: RecordTexts, buckets: BucketFile, params: SplitParams, shared: Shared
) -> IndexPairs:
    """Find pairs of records where some turn of one answers a near copy of the other's prompt."""
    pairs, _ = similar_pairs(
        texts.file, texts.prompts, buckets, params.threshold, params.ngram, shared
    )
    final = np.isin(texts.prompts[pairs, 0], texts.last[:, 0]).any(axis=1)
    pairs = texts.owner[pairs[final]]  # chats that only share a beginning are not tied
    return pairs[pairs[:, 0] != pairs[:, 1]]


def tie_leaks(
    leaks: Iterable[Leak], records: Collection[Record], fates: list[str], ties: Ties
) -> list[Leak]:
    """Tie the two rows of each leak, so that the later one gets the split of the earlier.

    Returns the leaks that cannot be tied: a source fixes the split of the later row, or the leaked
    prompt is in evals/.
    """
    leaks, row_of, fixed = list(leaks), dict[tuple[str, str], int](), set[int]()
    named = {leak.train for leak in leaks} | {leak.held.id for leak in leaks}
    for index, (record, fate) in enumerate(zip(records, fates, strict=True)):
        if record["id"] in named:
            row_of.setdefault((fate, record["id"]), index)
            if record["split"] is not None:
                fixed.add(index)
    left = []
    for leak in leaks:
        one, other = row_of["train", leak.train], row_of.get((leak.held.file, leak.held.id))
        if other is None or max(one, other) in fixed:
            left.append(leak)
        else:
            ties[max(one, other)].append(min(one, other))
    return left
