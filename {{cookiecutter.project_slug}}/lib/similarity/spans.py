"""Texts that lie in a file, read where two of them are compared."""

from collections.abc import Iterator
from typing import IO

import numpy as np
import numpy.typing as npt

from lib.similarity.shingles import IndexPairs

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
