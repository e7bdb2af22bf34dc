"""Near copies of a text at a wanted similarity, by small edits at its ends and in its middle.

Similarity is the Jaccard similarity of five-grams. That of three-grams, which a pipeline may use as
well, must lie on the same side of the threshold.
"""

import re
from collections.abc import Callable
from random import Random

from sample.shingles import SIZE, jaccard, shingles

# Wanted similarity: how far the measured one may be off.
STRENGTHS = {0.95: 0.015, 0.9: 0.02, 0.85: 0.015, 0.7: 0.03, 0.6: 0.03}
EDGES = {
    "en": ("Sent from my phone", "Please confirm", "Case opened today", "PS sorry for the length"),
    "de": ("Gesendet von meinem Handy", "Bitte kurz bestätigen", "Danke", "Viele Grüße nochmals"),
    "es": ("Enviado desde mi móvil", "Confirmen por favor", "Gracias", "Un saludo de nuevo"),
    "zh": ("谢谢", "请确认", "来自我的手机", "麻烦了", "盼回复"),
}
THRESHOLD, MARGIN = 0.8, 0.02
TRIES = 400


def similarity(one: str, other: str, size: int = SIZE) -> float:
    """Jaccard similarity of two texts."""
    return jaccard(shingles(one, size), shingles(other, size))


def fits(text: str, copy: str, wanted: float) -> bool:
    """Whether the copy is as similar as wanted, with room to the threshold for other shingles."""
    measured, other = similarity(text, copy), similarity(text, copy, 3)
    same_side = (other > THRESHOLD) == (wanted > THRESHOLD)
    near = abs(measured - wanted) <= STRENGTHS[wanted]
    return near and same_side and abs(other - THRESHOLD) >= MARGIN


def with_edge(words: list[str], language: str, rng: Random) -> list[str]:
    """Append one to all words of a stock ending."""
    ending = split(rng.choice(EDGES[language]), language)
    return words + ending[: rng.randint(1, len(ending))]


def with_cut(words: list[str], language: str, rng: Random) -> list[str]:
    """Drop one or two words at the start."""
    return words[rng.randint(1, 2) :]


def with_double(words: list[str], language: str, rng: Random) -> list[str]:
    """Say one word twice, as people do in a hurry."""
    at = rng.randrange(len(words))
    return words[: at + 1] + words[at:]


EDITS: tuple[Callable[[list[str], str, Random], list[str]], ...] = (
    with_edge,
    with_cut,
    with_double,
)


def split(text: str, language: str) -> list[str]:
    """Words, or characters for Chinese."""
    return re.findall(r"\S", text) if language == "zh" else text.split()


def near_copy(text: str, language: str, wanted: float, rng: Random) -> str | None:
    """An edited text as similar as wanted, or None if the text does not lend itself to it."""
    for _ in range(TRIES):
        words = split(text, language)
        for _ in range(rng.randint(1, 5)):
            words = rng.choice(EDITS)(words, language, rng)
        copy = ("" if language == "zh" else " ").join(words)
        if fits(text, copy, wanted):
            return copy
    return None
