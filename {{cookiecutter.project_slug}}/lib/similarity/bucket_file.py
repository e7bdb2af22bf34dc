"""Keep the MinHash buckets of many texts in a temporary file instead of in memory."""

from collections.abc import Iterator
from itertools import pairwise
from typing import IO

import numpy as np

from lib.similarity.minhash import Keys


class BucketFile:
    """Bucket keys of texts: written in chunks of texts, read back band by band."""

    def __init__(self, file: IO[bytes], bands: int) -> None:
        self.file, self.bands = file, bands
        self._starts = [0]  # number of the first text of each chunk

    def add(self, keys: Keys) -> None:
        """Append the keys of a chunk of texts, shape (texts, bands)."""
        self._starts.append(self._starts[-1] + len(keys))
        self.file.write(keys.T.tobytes())

    def columns(self) -> Iterator[Keys]:
        """Yield the keys of all texts, one array per band."""
        for band in range(self.bands):
            parts = [self._read(band, *span) for span in pairwise(self._starts)]
            yield np.concatenate([np.empty(0, np.uint32), *parts])

    def _read(self, band: int, first: int, last: int) -> Keys:
        """Read one band of the chunk of texts from `first` to before `last`."""
        key = np.dtype(np.uint32).itemsize
        self.file.seek((first * self.bands + band * (last - first)) * key)
        return np.frombuffer(self.file.read((last - first) * key), np.uint32)
