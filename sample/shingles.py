"""Word n-grams (character n-grams for Chinese) and their Jaccard similarity."""

import re
import unicodedata
from collections import Counter, defaultdict

TOKEN = re.compile(r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+")  # a Chinese character, or a word
SIZE = 5  # the size that near copies are planted and reported at


def shingles(text: str, size: int = SIZE) -> frozenset[str]:
    """The set of n-grams; a text with fewer tokens than n is one shingle."""
    plain = unicodedata.normalize("NFKC", text).lower()
    words = TOKEN.findall(plain)
    count = max(1, len(words) - size + 1)
    return frozenset(" ".join(words[at : at + size]) for at in range(count))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Size of the intersection over size of the union."""
    return len(one & other) / len(one | other)


class Index:
    """Texts seen so far; finds the closest by counting shared shingles of this size."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._sets: list[frozenset[str]] = []
        self._where: dict[str, list[int]] = defaultdict(list)

    def add(self, text: str) -> None:
        """Remember a text."""
        found = shingles(text, self._size)
        for shingle in found:
            self._where[shingle].append(len(self._sets))
        self._sets.append(found)

    def closest(self, text: str) -> float:
        """The highest Jaccard similarity to any text seen."""
        found = shingles(text, self._size)
        shared = Counter(at for shingle in found for at in self._where.get(shingle, ()))
        return max(
            (n / (len(found) + len(self._sets[at]) - n) for at, n in shared.items()), default=0.0
        )
