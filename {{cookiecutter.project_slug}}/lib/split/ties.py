"""Which records must share a split, because one resembles or quotes the other.

MinHash finds them in time that grows with the rows, and misses some where many are alike. What it
misses the leakage check finds: such rows are tied, too, and split again.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import chain

import numpy as np

from lib.core.records import Record, prompt_text, prompt_texts, row_text
from lib.similarity.containment import contained
from lib.similarity.heldout import Leak
from lib.similarity.minhash import near_pairs
from lib.similarity.params import SplitParams
from lib.similarity.shingles import Pairs

PERMUTATIONS, RECALL = 128, 0.9999  # a pair that is missed here costs a search more

Ties = defaultdict[int, list[int]]  # for each record earlier ones


def find_ties(records: Iterable[Record], params: SplitParams) -> Ties:
    """For each record the earlier ones that it is a near copy of, contains or is contained in.
    The records are gone through several times."""
    prompts = list(map(prompt_text, records))
    hits = contained(map(row_text, records), prompts, itself=False)
    parts = np.array([hit[:2] for hit in hits], np.int64).reshape(-1, 2)
    del prompts
    ties: Ties = defaultdict(list)
    for low, high in np.sort(np.concatenate([_near(records, params), parts]), axis=1).tolist():
        ties[high].append(low)
    return ties


def _near(records: Iterable[Record], params: SplitParams) -> Pairs:
    """Records of which one answers, at any turn, what resembles the prompt of the other."""
    count = np.fromiter(map(len, map(prompt_texts, records)), np.int64)
    owner, last = np.repeat(np.arange(len(count)), count), np.cumsum(count) - 1
    pairs, _ = near_pairs(
        *(chain.from_iterable(map(prompt_texts, records)), params.threshold, params.ngram),
        *(PERMUTATIONS, params.seed, RECALL),
    )
    final = np.isin(pairs, last).any(axis=1)  # who only begin alike are nothing to each other
    pairs = owner[pairs[final]]
    return pairs[pairs[:, 0] != pairs[:, 1]]


def tie_leaks(
    leaks: Iterable[Leak], records: Collection[Record], fates: list[str], ties: Ties
) -> list[Leak]:
    """Tie the two rows of each leak, so that the later follows the earlier. Returns the leaks
    where it cannot: its source has fixed its split, or what leaks is in evals/."""
    places: dict[tuple[str, str], int] = {}
    for place, (record, fate) in enumerate(zip(records, fates, strict=True)):
        places.setdefault((fate, record["id"]), place)
    fixed = [record["split"] is not None for record in records]
    left = []
    for leak in leaks:
        one, other = places["train", leak.train], places.get((leak.held.file, leak.held.id))
        if other is None or fixed[max(one, other)]:
            left.append(leak)
        else:
            ties[max(one, other)].append(min(one, other))
    return left
