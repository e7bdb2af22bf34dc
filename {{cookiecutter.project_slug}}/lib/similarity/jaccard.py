"""Compute the exact Jaccard similarity of texts: shared over all shingles (Jaccard, 1912)."""

import numpy as np
import numpy.typing as npt

from lib.similarity.shingles import Floats, IndexPairs, Shingles

SLACK = 1e-9  # tolerance for rounding when a similarity is compared with a threshold


def jaccard(ones: Shingles, others: Shingles, pairs: IndexPairs) -> Floats:
    """Compute the exact Jaccard similarity, 0 to 1, of each pair (index in ones, in others)."""
    shared = count_shared(ones, others, pairs)
    return shared / (ones.sizes()[pairs[:, 0]] + others.sizes()[pairs[:, 1]] - shared)


def count_shared(ones: Shingles, others: Shingles, pairs: IndexPairs) -> npt.NDArray[np.int64]:
    """Count the shingles that both texts of each pair have; the sets are from `shingle`."""
    result = np.empty(len(pairs), np.int64)
    left, right = ones.starts.tolist(), others.starts.tolist()
    for index, (one, other) in enumerate(pairs.tolist()):
        both = np.concatenate(
            [
                ones.hashes[left[one] : left[one + 1]],
                others.hashes[right[other] : right[other + 1]],
            ]
        )
        both.sort()
        result[index] = np.count_nonzero(both[1:] == both[:-1])
    return result
