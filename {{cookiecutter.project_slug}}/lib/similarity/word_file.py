"""Keep the words of many texts as hashes in a temporary file: few are ever read again."""

from collections.abc import Iterator
from typing import IO

import numpy as np
import numpy.typing as npt

from lib.similarity.shingles import CHUNK, Indices, Shingles, ranges
from lib.similarity.spans import Spans

WORD = 8  # bytes


class WordFile:
    """The words of texts, concatenated; texts are numbered in the order of `add`."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self._sizes = [np.empty(0, np.int64)]

    def add(self, words: Shingles) -> None:
        """Append texts."""
        self._sizes.append(words.sizes() * WORD)
        self.file.write(words.hashes.data)

    def spans(self) -> Spans:
        """Return begin and end of each text, shape (texts, 2)."""
        ends = np.cumsum(np.concatenate(self._sizes))
        return np.stack([np.append(0, ends[:-1])[: len(ends)], ends], axis=1)

    def words(self, spans: Spans) -> tuple[Shingles, Indices]:
        """Read the distinct texts of spans, shape (n, 2), and return each span's text index."""
        _, first, number = np.unique(spans[:, 0], return_index=True, return_inverse=True)
        parts = [self._read(*span) for span in spans[first].tolist()]
        ends = np.cumsum([0, *map(len, parts)])
        return Shingles(np.concatenate([np.empty(0, np.uint64), *parts]), ends), number

    def in_order(self, spans: Spans) -> Iterator[Shingles]:
        """Yield the texts of these spans, shape (n, 2), in order, some at a time."""
        sizes = np.cumsum(np.diff(spans).ravel())
        for some in np.split(spans, np.flatnonzero(np.diff(sizes // (WORD * CHUNK))) + 1):
            if len(some):
                begin = int(some[0, 0])
                data = self._read(begin, int(some[-1, 1]))
                counts = np.diff(some).ravel() // WORD
                inside = ranges((some[:, 0] - begin) // WORD, counts)
                yield Shingles(data[inside], np.append(0, np.cumsum(counts)))

    def _read(self, begin: int, end: int) -> npt.NDArray[np.uint64]:
        self.file.seek(begin)
        return np.frombuffer(self.file.read(end - begin), np.uint64)
