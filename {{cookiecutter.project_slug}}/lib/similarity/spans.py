"""Texts and sets of n-grams that lie in a file, read where two of them are compared."""

from collections.abc import Iterator
from typing import IO

import numpy as np
import numpy.typing as npt

from lib.similarity.jaccard import jaccard
from lib.similarity.shingles import Floats, IndexPairs, Shingles

Spans = npt.NDArray[np.int64]  # shape (..., 2): where in a file a text begins and ends, in bytes


def read_spans(file: IO[bytes], spans: Spans) -> tuple[Iterator[bytes], IndexPairs]:
    """Return the texts of pairs of spans, read one by one, each once; and the pairs of indices.

    The spans have the shape (pairs, 2, 2), as `compare` of near_copies.py gets them.
    """
    starts, first, pairs = np.unique(spans[..., 0], return_index=True, return_inverse=True)
    ends = spans[..., 1].ravel()[first]
    return _read(file, starts.tolist(), ends.tolist()), pairs.reshape(-1, 2)


def _read(file: IO[bytes], starts: list[int], ends: list[int]) -> Iterator[bytes]:
    for start, end in zip(starts, ends, strict=True):
        file.seek(start)
        yield file.read(end - start)


class SetFile:
    """Sets of n-grams, at least one each, in a file: most of them are never compared."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.sizes = file, [np.empty(0, np.int64)]

    def write(self, sets: Shingles) -> None:
        """Add the sets of further texts."""
        self.sizes.append(8 * sets.sizes())
        self.file.write(sets.hashes.data)

    def spans(self) -> Spans:
        """Return where the set of each text lies, shape (texts, 2)."""
        ends = np.cumsum(np.concatenate(self.sizes))
        return np.stack([np.append(0, ends[:-1])[: len(ends)], ends], axis=1)

    def jaccard(self, spans: Spans) -> Floats:
        """Compute the Jaccard similarity of pairs of sets, given by their spans."""
        texts, pairs = read_spans(self.file, spans)
        parts = list(texts)
        starts = np.cumsum([0, *(len(part) // 8 for part in parts)])
        sets = Shingles(np.frombuffer(b"".join(parts), np.uint64), starts)
        return jaccard(sets, sets, pairs)
