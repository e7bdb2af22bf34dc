"""Grow the clean tickets: planned labels, no two texts alike, some customers with several."""

from random import Random

from sample.compose import Ticket, compose
from sample.labels import Label, plan
from sample.shingles import Index

TOO_CLOSE = 0.5  # well below any threshold for copies, so that only planted ones are found
TRIES = 200


def fresh_text(label: Label, language: str, rng: Random, seen: Index) -> str:
    """A text that shares less than half of its shingles with every text before it."""
    for _ in range(TRIES):
        text = compose(label, language, rng)
        if seen.closest(text) < TOO_CLOSE:
            seen.add(text)
            return text
    raise RuntimeError(f"{language}: too few phrases for {label}")


def customers(count: int, language: str, rng: Random) -> list[str]:
    """Customer numbers; about one customer in seven wrote two to four times."""
    names: list[str] = []
    while len(names) < count:
        times = rng.choice((2, 2, 3, 4)) if rng.random() < 0.14 else 1
        names += [f"{language.upper()}-{rng.randrange(10_000, 100_000)}"] * times
    names = names[:count]
    rng.shuffle(names)
    return names


def grow(count: int, language: str, seed: str, seen: Index) -> list[Ticket]:
    """So many clean tickets in one language."""
    rng = Random(f"{seed}:{language}")
    who = customers(count, language, rng)
    return [
        Ticket(fresh_text(label, language, rng, seen), label, language, name)
        for label, name in zip(plan(count, rng), who, strict=True)
    ]
