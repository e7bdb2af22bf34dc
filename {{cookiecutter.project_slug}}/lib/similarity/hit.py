"""Define what a search for similar texts finds."""

from typing import NamedTuple


class Hit(NamedTuple):
    """A text that was searched and a known text, by index, with their similarity."""

    one: int
    other: int
    similarity: float  # Jaccard similarity or containment, 0 to 1
