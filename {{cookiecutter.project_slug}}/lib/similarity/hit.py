"""What a search finds."""

from typing import NamedTuple


class Hit(NamedTuple):
    """Two texts, by their indices in what was searched and in what is known, and how similar."""

    one: int
    other: int
    similarity: float  # Jaccard similarity or containment, 0 to 1
