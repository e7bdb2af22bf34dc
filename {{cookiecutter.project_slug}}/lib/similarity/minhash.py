"""Near copies by MinHash: signatures propose pairs, the exact Jaccard similarity decides.

The bands of a signature are bucket keys (LSH); texts that share a bucket are compared. Signatures
equal those of `datasketch.MinHash` on the same hashes.
"""

from collections.abc import Iterable
from itertools import pairwise
from tempfile import TemporaryFile
from typing import IO

import numpy as np
import numpy.typing as npt

from lib.similarity.shingles import (
    Hashes,
    Pairs,
    Places,
    Shingles,
    chunks,
    distinct,
    mix,
    ngrams,
    similarity,
    word_hashes,
)

Signatures = npt.NDArray[np.uint32]  # one row a text

NEIGHBOURS = 32  # in a band's bucket each text is compared with so many that follow it
BATCH = 1 << 20  # hashes compared at a time
SLACK = 1e-9  # of a product of fractions


def signatures(shingles: Shingles, permutations: int, seed: int) -> Signatures:
    """MinHash signatures, a row a text; equal to datasketch's scheme "affine32"."""
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
    """(bands, rows): as many rows as still propose pairs at the threshold with this probability."""
    rows = 1
    while 1 - (1 - threshold ** (rows + 1)) ** (permutations // (rows + 1)) >= recall:
        rows += 1
    return permutations // rows, rows


def band_keys(signature: Signatures, count: int, rows: int) -> Hashes:
    """One 64-bit key a band: texts with an equal key share the band's bucket."""
    parts = signature[:, : count * rows].astype(np.uint64).reshape(len(signature), count, rows)
    keys = np.zeros((len(signature), count), np.uint64)
    for row in range(rows):
        keys = mix(keys + parts[:, :, row] + np.uint64(1))
    return keys


def candidates(keys: Hashes) -> Pairs:
    """Pairs of places that share a bucket in some band."""
    count = len(keys)
    found = [np.empty(0, np.int64)]
    for column in keys.T:
        order = np.argsort(column, kind="stable")
        ranked = column[order]
        first = np.searchsorted(ranked, ranked)  # of each bucket, its first member
        later = np.flatnonzero(first < np.arange(count))
        found.append(order[first[later]] * count + order[later])
        for step in range(1, NEIGHBOURS):
            same = np.flatnonzero(ranked[step:] == ranked[:-step])
            if not len(same):
                break
            found.append(order[same] * count + order[same + step])
    codes = np.unique(np.concatenate(found))
    return np.stack(np.divmod(codes, max(count, 1)), axis=1)


def near_pairs(
    texts: Iterable[str], threshold: float, ngram: int, permutations: int, seed: int, recall: float
) -> tuple[Pairs, npt.NDArray[np.float64]]:
    """Pairs of texts at least `threshold` similar, and their similarity. `recall` is the share
    of the pairs exactly at the threshold that must be found; of more similar ones, more are."""
    count, rows = bands(threshold, permutations, recall)
    keys, sizes = [np.empty((0, count), np.uint64)], [np.empty(0, np.int64)]
    with TemporaryFile() as file:  # for the sets: most of them are never compared
        for some in chunks(texts):
            sets = distinct(ngrams(word_hashes(some), ngram))
            keys.append(band_keys(signatures(sets, permutations, seed), count, rows))
            sizes.append(sets.sizes())
            file.write(sets.hashes.data)
        pairs = candidates(np.concatenate(keys))
        size = np.concatenate(sizes)
        both = size[pairs]
        fit = both.min(axis=1) >= threshold * both.max(axis=1) - SLACK  # others cannot
        pairs, both = pairs[fit], both[fit]
        found = [np.empty(0)]
        for part in _batches(both.sum(axis=1)):
            places, flat = np.unique(pairs[part], return_inverse=True)
            compared = _read(file, size, places)
            found.append(similarity(compared, compared, flat.reshape(-1, 2)))
    values = np.concatenate(found)
    return pairs[values >= threshold], values[values >= threshold]


def _batches(sizes: Places) -> list[slice]:
    """Parts of a list whose sizes add up to about BATCH each."""
    cuts = np.flatnonzero(np.diff(np.cumsum(sizes) // BATCH)) + 1
    return [slice(*ends) for ends in pairwise([0, *cuts.tolist(), len(sizes)])]


def _read(file: IO[bytes], size: Places, places: Places) -> Shingles:
    """The sets of some texts, out of a file with those of all, which have these sizes."""
    starts = np.cumsum(size) - size
    parts = []
    for start, own in zip(starts[places].tolist(), size[places].tolist(), strict=True):
        file.seek(8 * start)
        parts.append(file.read(8 * own))
    hashes = np.frombuffer(b"".join(parts), np.uint64)
    return Shingles(hashes, np.append(0, np.cumsum(size[places])))


def components(count: int, pairs: Pairs) -> Places:
    """For each place the lowest place it is connected to by pairs."""
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
