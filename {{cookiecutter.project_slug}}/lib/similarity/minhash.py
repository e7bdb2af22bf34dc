"""Propose pairs of near copies by MinHash signatures (Broder, 1997), cut into bands (LSH).

The share of rows in which two signatures agree estimates the Jaccard similarity of the texts. Texts
that agree in all rows of a band share a bucket (Leskovec et al., Mining of Massive Datasets,
chapter 3). Signatures equal those of `datasketch.MinHash` on the same hashes.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from lib.similarity.shingles import IndexPairs, Indices, Shingles, mix

Signatures = npt.NDArray[np.uint32]  # shape (texts, permutations)
Keys = npt.NDArray[np.uint32]  # of buckets, shape (texts, bands)

NEIGHBORS = 32  # each member of a bucket is paired with the first one and the 31 that follow it


def signatures(shingles: Shingles, permutations: int, seed: int) -> Signatures:
    """Compute a MinHash signature for each text; equals datasketch's scheme "affine32"."""
    generator = np.random.RandomState(seed)
    scale = generator.randint(0, 1 << 31, permutations, dtype=np.uint32) * np.uint32(2)
    scale += np.uint32(1)
    shift = generator.randint(0, 1 << 32, permutations, dtype=np.uint32)
    low = (shingles.hashes >> np.uint64(32)).astype(np.uint32)
    low = (low ^ (low >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    low = (low ^ (low >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    low ^= low >> np.uint32(16)
    result = np.empty((permutations, len(shingles.starts) - 1), np.uint32)
    for row in range(permutations):
        permuted = low * scale[row] + shift[row]
        np.minimum.reduceat(permuted, shingles.starts[:-1], out=result[row])
    return np.ascontiguousarray(result.T)


def bands(threshold: float, permutations: int, recall: float) -> tuple[int, int]:
    """Choose (bands, rows per band) of a MinHash search by its recall at the threshold.

    Takes the most rows per band with which a pair exactly at the threshold is still proposed with a
    probability of at least `recall`.
    """
    rows = 1
    while 1 - (1 - threshold ** (rows + 1)) ** (permutations // (rows + 1)) >= recall:
        rows += 1
    return permutations // rows, rows


def band_keys(signature: Signatures, count: int, rows: int) -> Keys:
    """Compute bucket keys, one column per band: equal keys in a column mean the same bucket.

    32 bits are enough: a pair that shares a key by chance is compared like the others.
    """
    parts = signature[:, : count * rows].astype(np.uint64).reshape(len(signature), count, rows)
    keys = np.zeros((len(signature), count), np.uint64)
    for row in range(rows):
        keys = mix(keys + parts[:, :, row] + np.uint64(1))
    return (keys >> np.uint64(32)).astype(np.uint32)


def candidates(columns: Iterable[Keys], count: int) -> IndexPairs:
    """List the pairs of `count` texts that share a bucket in some band, without repeats.

    columns: of each band, the keys of all texts.
    """
    codes = np.empty(0, np.int64)
    for column in columns:
        found = [codes]
        order = np.argsort(column, kind="stable")
        ranked = column[order]
        first = np.searchsorted(ranked, ranked)  # of each bucket, its first member
        later = np.flatnonzero(first < np.arange(count))
        found.append(order[first[later]] * count + order[later])
        for step in range(1, NEIGHBORS):
            same = np.flatnonzero(ranked[step:] == ranked[:-step])
            if not len(same):
                break
            found.append(order[same] * count + order[same + step])
        codes = np.unique(np.concatenate(found))  # at once: most pairs share many buckets
    return np.stack(np.divmod(codes, max(count, 1)), axis=1)


def connected(count: int, pairs: IndexPairs) -> Indices:
    """Return for each index below `count` the lowest index in its connected component."""
    labels = np.arange(count)
    while True:
        low = np.minimum(labels[pairs[:, 0]], labels[pairs[:, 1]])
        lower = labels.copy()
        for side in (0, 1):
            np.minimum.at(lower, pairs[:, side], low)
            np.minimum.at(lower, labels[pairs[:, side]], low)
        lower = lower[lower]
        if np.array_equal(lower, labels):
            return labels
        labels = lower
