"""Find every set of which a text may have a given share, by the rarest members of the sets.

A text that has the share s of a set of n members has at least k of any (1 - s) n + k of them. So
only the rarest members of each set are indexed (a prefix filter; Chaudhuri et al., 2006; Bayardo et
al., 2007), and texts with fewer than k of them are not compared. A Jaccard similarity of at least t
implies a share of at least t of either set.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from lib.similarity.jaccard import SLACK
from lib.similarity.own_words import SortedHashes
from lib.similarity.shingles import Hashes, IndexPairs, Indices, Shingles, ranges

LEAST = 4  # k above, fewer for small sets
BUCKETS = 20  # bits of a hash used to count members


class NumberedSets(NamedTuple):
    """Some of the sets, without repeated members, and their numbers among all sets."""

    members: Shingles
    number: Indices


class RareIndex:
    """An index of the rarest members of sets, by hash."""

    def __init__(
        self, read: Callable[[], Iterator[NumberedSets]], count: int, share: float
    ) -> None:
        """read: yields all sets, some at a time; called twice. count: number of sets. share: share
        of a set's members that a text must have."""
        self.least = np.zeros(count, np.int64)
        counts = np.zeros(1 << BUCKETS, np.int64)
        for some in read():
            counts += np.bincount(_bucket(some.members.hashes), minlength=len(counts))
        hashes, owners = [np.empty(0, np.uint64)], [np.empty(0, np.int32)]
        for members, number in read():
            sizes = members.sizes()
            needed = np.ceil(share * sizes - SLACK).astype(np.int64)
            self.least[number] = np.minimum(np.maximum(needed, 1), LEAST)
            kept = _rarest(members, counts, sizes - needed + self.least[number])
            owner = np.repeat(number.astype(np.int32), sizes)
            hashes.append(members.hashes[kept])
            owners.append(owner[kept])
        together = np.concatenate(hashes)
        hashes.clear()
        order = np.argsort(together, kind="stable")
        self.known, self.owners = SortedHashes(together[order]), np.concatenate(owners)[order]

    def search(self, grams: Shingles) -> IndexPairs:
        """List the pairs (text, set) where the text may have the share of the set, in order."""
        places, begin, length = self.known.find(grams.hashes)
        text = np.searchsorted(grams.starts, places, "right") - 1
        count = max(len(self.least), 1)
        codes = np.repeat(text, length) * count + self.owners[ranges(begin, length)]
        codes, times = np.unique(codes, return_counts=True)
        pairs = np.stack(np.divmod(codes, count), axis=1)
        return pairs[times >= self.least[pairs[:, 1]]]


def _rarest(members: Shingles, counts: Indices, most: Indices) -> Indices:
    """Return the indices of the rarest members of each set, at most `most` of it."""
    sizes = members.sizes()
    rank = counts[_bucket(members.hashes)].astype(np.uint64) << np.uint64(40)
    rank |= members.hashes >> np.uint64(24)
    order = np.lexsort((rank, np.repeat(np.arange(len(sizes)), sizes)))
    nth = ranges(np.zeros(len(sizes), np.int64), sizes)
    return order[nth < np.repeat(most, sizes)]


def _bucket(hashes: Hashes) -> Indices:
    return (hashes >> np.uint64(64 - BUCKETS)).astype(np.int64)
