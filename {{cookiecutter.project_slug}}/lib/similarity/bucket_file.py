"""Buckets of many texts, in a temporary file: by far the most of what a search would hold."""

from collections.abc import Iterator
from itertools import pairwise
from typing import IO

import numpy as np

from lib.similarity.minhash import Keys


class BucketFile:
    """The keys of the buckets of texts, which come some at a time and are read band by band."""

    def __init__(self, file: IO[bytes], bands: int) -> None:
        self.file, self.bands = file, bands
        self._starts = [0]  # of the texts that came together, the number of the first

    def add(self, keys: Keys) -> None:
        """Add the keys of further texts, shape (texts, bands)."""
        self._starts.append(self._starts[-1] + len(keys))
        self.file.write(keys.T.tobytes())

    def columns(self) -> Iterator[Keys]:
        """Read the keys of all texts, band by band."""
        for band in range(self.bands):
            parts = [self._read(band, *span) for span in pairwise(self._starts)]
            yield np.concatenate([np.empty(0, np.uint32), *parts])

    def _read(self, band: int, first: int, last: int) -> Keys:
        """Read one band of texts that came together."""
        key = np.dtype(np.uint32).itemsize
        self.file.seek((first * self.bands + band * (last - first)) * key)
        return np.frombuffer(self.file.read((last - first) * key), np.uint32)
