"""Which records must share a split, because one resembles or quotes the other.

MinHash finds them in time that grows with the rows, and misses some where many are alike. Those
are found by the leakage check; such rows are tied, too, and split again.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import chain

import numpy as np

from lib.core.records import Record, prompt_text, prompt_texts, row_text
from lib.similarity.near_copies import KnownTexts, near_copies_in
from lib.similarity.own_words import Shared
from lib.similarity.params import SplitParams
from lib.similarity.shingles import IndexPairs
from lib.split.leakage import Leak

PERMUTATIONS, RECALL = 128, 0.9999  # a pair that is missed here costs another search

Ties = defaultdict[int, list[int]]  # for each record earlier ones


def find_ties(records: Iterable[Record], params: SplitParams, shared: Shared = b"") -> Ties:
    """Find for each record the earlier ones that it resembles, quotes or is quoted in.

    The records are read several times; both are given by their index. Shared passages do not count.
    """
    prompts = KnownTexts(list(map(prompt_text, records)), params.threshold, params.ngram, shared)
    hits = prompts.quoted(map(row_text, records), itself=False)
    parts = np.array([hit[:2] for hit in hits], np.int64).reshape(-1, 2)
    del prompts
    ties: Ties = defaultdict(list)
    for low, high in np.sort(
        np.concatenate([_near(records, params, shared), parts]), axis=1
    ).tolist():
        ties[high].append(low)
    return ties


def _near(records: Iterable[Record], params: SplitParams, shared: Shared) -> IndexPairs:
    """Pairs of records of which one answers, at some turn, what resembles the other's prompt."""
    count = np.fromiter(map(len, map(prompt_texts, records)), np.int64)
    owner, last = np.repeat(np.arange(len(count)), count), np.cumsum(count) - 1
    texts = chain.from_iterable(map(prompt_texts, records))
    pairs, _ = near_copies_in(
        texts, params.threshold, params.ngram, PERMUTATIONS, params.seed, RECALL, shared
    )
    final = np.isin(pairs, last).any(axis=1)  # chats that only begin alike are not tied
    pairs = owner[pairs[final]]
    return pairs[pairs[:, 0] != pairs[:, 1]]


def tie_leaks(
    leaks: Iterable[Leak], records: Collection[Record], fates: list[str], ties: Ties
) -> list[Leak]:
    """Tie the two rows of each leak, so that the later follows the earlier.

    Returns the leaks that cannot be tied: a source fixes the split of the later row, or what leaks
    is in evals/.
    """
    row_of: dict[tuple[str, str], int] = {}
    for index, (record, fate) in enumerate(zip(records, fates, strict=True)):
        row_of.setdefault((fate, record["id"]), index)
    fixed = [record["split"] is not None for record in records]
    left = []
    for leak in leaks:
        one, other = row_of["train", leak.train], row_of.get((leak.held.file, leak.held.id))
        if other is None or fixed[max(one, other)]:
            left.append(leak)
        else:
            ties[max(one, other)].append(min(one, other))
    return left
