"""Sets by their rarest members: a search that finds every set of which a text may have a share.

A text that has `share` of a set's members has at least k of any `1 - share` of them and k more. So
only the rarest of each set are kept and looked up (as in the prefix filter; Chaudhuri et al., 2006;
Bayardo et al., 2007), and what has fewer than k of them, by chance, is not compared. A Jaccard
similarity of at least t means at least a share t of either set.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from lib.similarity.jaccard import SLACK
from lib.similarity.own_words import SortedHashes
from lib.similarity.shingles import Hashes, IndexPairs, Indices, Shingles, ranges

LEAST = 4  # members that a text must have of those kept of a set: k above, less for small sets
BUCKETS = 20  # bits of a hash by which members are counted


class NumberedSets(NamedTuple):
    """Some sets, each member once, and their numbers among all."""

    members: Shingles
    number: Indices


class RareIndex:
    """The rarest members of sets, by hash."""

    def __init__(
        self, read: Callable[[], Iterator[NumberedSets]], count: int, share: float
    ) -> None:
        """read: gives all sets, some at a time, twice; count: how many; share: of a set's members
        that a text must have."""
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
        """List the pairs (text, set) of which the text may have the share, in order."""
        places, begin, length = self.known.find(grams.hashes)
        text = np.searchsorted(grams.starts, places, "right") - 1
        count = max(len(self.least), 1)
        codes = np.repeat(text, length) * count + self.owners[ranges(begin, length)]
        codes, times = np.unique(codes, return_counts=True)
        pairs = np.stack(np.divmod(codes, count), axis=1)
        return pairs[times >= self.least[pairs[:, 1]]]


def _rarest(members: Shingles, counts: Indices, most: Indices) -> Indices:
    """The places of the rarest members of each set, `most` of it."""
    sizes = members.sizes()
    rank = counts[_bucket(members.hashes)].astype(np.uint64) << np.uint64(40)
    rank |= members.hashes >> np.uint64(24)
    order = np.lexsort((rank, np.repeat(np.arange(len(sizes)), sizes)))
    nth = ranges(np.zeros(len(sizes), np.int64), sizes)
    return order[nth < np.repeat(most, sizes)]


def _bucket(hashes: Hashes) -> Indices:
    return (hashes >> np.uint64(64 - BUCKETS)).astype(np.int64)
