"""Near copies by MinHash: signatures propose pairs, the exact Jaccard similarity decides.

The bands of a signature are bucket keys (LSH); texts that share a bucket are compared. Signatures
equal those of `datasketch.MinHash` on the same hashes.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from lib.similarity.shingles import (
    Hashes,
    Pairs,
    Places,
    Shingles,
    chunks,
    distinct,
    join,
    mix,
    ngrams,
    similarity,
    take,
    word_hashes,
)

Signatures = npt.NDArray[np.uint32]  # one row a text

NEIGHBOURS = 32  # in a band's bucket each text is compared with so many that follow it
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
    sets, keys = [], [np.empty((0, count), np.uint64)]
    for some in chunks(texts):
        sets.append(distinct(ngrams(word_hashes(some), ngram)))
        keys.append(band_keys(signatures(sets[-1], permutations, seed), count, rows))
    pairs = candidates(np.concatenate(keys))
    sizes = np.concatenate([np.empty(0, np.int64), *(part.sizes() for part in sets)])[pairs]
    pairs = pairs[sizes.min(axis=1) >= threshold * sizes.max(axis=1) - SLACK]  # others cannot
    places, flat = np.unique(pairs, return_inverse=True)
    compared = _gathered(sets, places)
    found = similarity(compared, compared, flat.reshape(-1, 2))
    return pairs[found >= threshold], found[found >= threshold]


def _gathered(sets: list[Shingles], places: Places) -> Shingles:
    """The sets of some texts, by place, out of those of all."""
    parts, start = [], 0
    for part in sets:
        end = start + len(part.starts) - 1
        first, last = np.searchsorted(places, (start, end))
        parts.append(take(part, places[first:last] - start))
        start = end
    return join(parts)


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
