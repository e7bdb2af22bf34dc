"""Find the records of a file that are copies or contradict each other (the search of dedup).

`each`, a `map` over processes of this machine or a cluster (workers.py), does the work, except for
sorting the buckets. So the result is the same wherever the work is done.
"""

from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lib.core.records import Record, answers_of, is_pair, prompt_text
from lib.core.strict_json import loads
from lib.similarity.jaccard import jaccard
from lib.similarity.near_copies import compare_all, near_copies
from lib.similarity.own_words import Shared, sets_of, similarity
from lib.similarity.params import DedupParams
from lib.similarity.reference import propose
from lib.similarity.shingles import Floats, IndexPairs, shingle
from lib.similarity.spans import Spans, read_spans
from lib.similarity.survey import RECALL, Prompts, Survey, concatenate, nothing, survey
from lib.similarity.workers import Each, blocks


class Relation(IntEnum):
    """How the answers of two records with similar prompts relate."""

    FAR = 0  # the prompts are not similar
    OTHER_KIND = 1  # a chat and a preference pair
    OTHER_ANSWER = 2
    COPY = 3
    CONTRADICTION = 4  # preference pairs: chosen here is rejected there


class Related(NamedTuple):
    """Pairs of records (lower index, higher index), sorted, and how they relate."""

    pairs: IndexPairs
    similarity: Floats  # of the prompts
    relation: npt.NDArray[np.int8]

    def similarity_of(self, pairs: IndexPairs, count: int) -> Floats:
        """Look up the similarity of pairs of `count` records; NaN where it was not computed."""
        codes, wanted = self.pairs @ [count, 1], pairs @ [count, 1]
        at = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
        return np.where(codes[at] == wanted, self.similarity[at], np.nan)


def find_copies(
    path: Path, prompts: Prompts, params: DedupParams, each: Each, shared: Shared = b""
) -> tuple[Survey, Related]:
    """Compare the records of a file with held-out prompts and with each other.

    Returns what is known of each record, and the pairs that may be copies with their relation.
    Exact copies and held-out records are not compared further; shared passages do not count. Raises
    UserError where the file is missing or damaged.
    """
    look = partial(survey, path, prompts=prompts, params=params, shared=shared)
    parts = list(each(look, list(blocks(path))))
    found = Survey(*concatenate(parts or [nothing()]))
    del parts
    originals = np.flatnonzero(
        (found.originals() == np.arange(len(found.spans))) & ~found.is_held_out()
    )
    order = found.best_first()  # each member of a bucket is compared with the first, which stays
    order = order[np.isin(order, originals)]
    buckets = [found.buckets[order]]  # by far the largest: popped, so that the search may free it
    found = found._replace(buckets=found.buckets[:0].copy())
    compare = partial(relate, path, params=params, shared=shared)
    spans = found.spans[order]
    if params.engine == "datasketch":
        pairs = propose(path, spans, params, shared, RECALL)
        values = compare_all(pairs, spans, compare, each)
    else:
        pairs, values = near_copies(buckets.pop().T, spans, compare, each)
    pairs = np.sort(order[pairs], axis=1)
    first = np.lexsort(pairs.T[::-1])
    return found, _related(pairs[first], values[first])


def relate_all(
    path: Path, pairs: IndexPairs, spans: Spans, params: DedupParams, shared: Shared = b""
) -> Related:
    """Compare pairs of records, given the span of each record's line in the file."""
    compare = partial(relate, path, params=params, shared=shared)
    return _related(pairs, compare_all(pairs, spans, compare))


def relate(path: Path, spans: Spans, params: DedupParams, shared: Shared) -> npt.NDArray[np.void]:
    """Compute similarity of prompts and relation for pairs of records, given by line spans.

    spans: shape (pairs, 2, 2). Returns an array with the fields of RELATED.
    """
    with path.open("rb") as file:
        lines, pairs = read_spans(file, spans)
        records: list[Record] = [loads(line) for line in lines]
    prompts = sets_of(list(map(prompt_text, records)), params.ngram, shared)
    found = np.zeros(len(pairs), RELATED)
    found["similarity"] = similarity(prompts, prompts, pairs)
    near = np.flatnonzero(found["similarity"] >= params.threshold)
    found["relation"][near] = _relation_of_answers(records, pairs[near], params)
    return found


RELATED = np.dtype([("similarity", np.float64), ("relation", np.int8)])


def _related(pairs: IndexPairs, found: npt.NDArray[np.void]) -> Related:
    return Related(pairs, found["similarity"], found["relation"])


def _relation_of_answers(
    records: list[Record], pairs: IndexPairs, params: DedupParams
) -> npt.NDArray[np.int8]:
    """The relation of pairs of records whose prompts are similar."""
    answers = [answers_of(record) for record in records]
    chosen = shingle([one[0] for one in answers], params.ngram)
    rejected = shingle([one[-1] for one in answers], params.ngram)
    straight = jaccard(chosen, chosen, pairs)
    kinds = np.array([is_pair(record) for record in records], bool)[pairs]
    both = np.flatnonzero(kinds.all(axis=1))  # preference pairs, which have two answers each
    straight[both] = np.minimum(straight[both], jaccard(rejected, rejected, pairs[both]))
    crossed = np.minimum(
        jaccard(chosen, rejected, pairs[both]), jaccard(rejected, chosen, pairs[both])
    )
    found = np.where(straight >= params.threshold, Relation.COPY, Relation.OTHER_ANSWER)
    turned = (crossed >= params.threshold) & (crossed > straight[both])
    found[both[turned]] = Relation.CONTRADICTION
    found[kinds[:, 0] != kinds[:, 1]] = Relation.OTHER_KIND
    return found.astype(np.int8)
