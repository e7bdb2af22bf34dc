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
ENDS = {
    "en": (
        "Sent from my phone",
        "Please confirm",
        "Ticket from the web form",
        "PS sorry for the length",
    ),
    "de": ("Gesendet von meinem Handy", "Bitte kurz bestätigen", "Danke", "Viele Grüße nochmals"),
    "es": ("Enviado desde mi móvil", "Confirmen por favor", "Gracias", "Un saludo de nuevo"),
    "zh": ("谢谢", "请确认", "来自我的手机", "麻烦了", "盼回复"),
}
THRESHOLD, MARGIN = 0.8, 0.02
FRONTS = {
    "en": ("Sorry, once again:", "Re: my request from yesterday:", "Second try:"),
    "de": ("Noch einmal:", "Zweiter Versuch:", "AW: meine Anfrage von gestern:"),
    "es": ("Otra vez:", "RE: mi consulta de ayer:", "Segundo intento:"),
    "zh": ("再发一次：", "补充一下：", "又是我，", "回复："),
}
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


def with_end(words: list[str], language: str, rng: Random) -> list[str]:
    """Append one to all words of a stock ending."""
    ending = split(rng.choice(ENDS[language]), language)
    return words + ending[: rng.randint(1, len(ending))]


def with_front(words: list[str], language: str, rng: Random) -> list[str]:
    """Put the last words of a stock beginning before all others."""
    beginning = split(rng.choice(FRONTS[language]), language)
    return beginning[-rng.randint(1, len(beginning)) :] + words


def with_double(words: list[str], language: str, rng: Random) -> list[str]:
    """Say one word twice, as people do in a hurry."""
    at = rng.randrange(len(words))
    return words[: at + 1] + words[at:]


EDITS: tuple[Callable[[list[str], str, Random], list[str]], ...] = (
    with_end,
    with_front,
    with_double,
)


def split(text: str, language: str) -> list[str]:
    """Words, or characters for Chinese (foreign words in it stay whole)."""
    return re.findall(r"[A-Za-z0-9-]+ ?|\S", text) if language == "zh" else text.split()


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
