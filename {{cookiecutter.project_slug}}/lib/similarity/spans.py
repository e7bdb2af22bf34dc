"""Read texts from their spans in a file, to compare pairs of them."""

from collections.abc import Iterator
from typing import IO

import numpy as np
import numpy.typing as npt

from lib.similarity.shingles import IndexPairs

Spans = npt.NDArray[np.int64]  # shape (..., 2): begin and end of a text in a file, in bytes


def read_spans(file: IO[bytes], spans: Spans) -> tuple[Iterator[bytes], IndexPairs]:
    """Return an iterator over the distinct texts of pairs of spans, and the pairs as indices.

    spans: shape (pairs, 2, 2), as passed to `compare` of near_copies.py.
    """
    starts, first, pairs = np.unique(spans[..., 0], return_index=True, return_inverse=True)
    ends = spans[..., 1].ravel()[first]
    return _read(file, starts.tolist(), ends.tolist()), pairs.reshape(-1, 2)


def _read(file: IO[bytes], starts: list[int], ends: list[int]) -> Iterator[bytes]:
    for start, end in zip(starts, ends, strict=True):
        file.seek(start)
        yield file.read(end - start)
