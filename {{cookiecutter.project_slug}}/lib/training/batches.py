"""The order in which training sees its records, laid out before the first step.

One list of places, all epochs long, depends on nothing but the lengths and the seed. A resumed run
reads on in the same list; the trainer's own samplers draw anew from the global random state.
"""

import random

MEGABATCH = 50  # batches that are sorted by length together


def order(lengths: list[int], epochs: float, batch_size: int, seed: int) -> list[int]:
    """Places of the records for all epochs: shuffled, those of a batch of like length.

    Padding costs as much as text, so batches of like length train faster; they come in random
    order, so that the model does not see the short records first.
    """
    rng = random.Random(seed)
    places: list[int] = []
    while len(places) < round(epochs * len(lengths)):
        places += rng.sample(range(len(lengths)), len(lengths))
    places = places[: max(1, round(epochs * len(lengths)))]
    step = MEGABATCH * batch_size
    chunks = [places[start : start + step] for start in range(0, len(places), step)]
    return [place for chunk in chunks for place in by_length(chunk, lengths, batch_size, rng)]


def by_length(
    places: list[int], lengths: list[int], batch_size: int, rng: random.Random
) -> list[int]:
    """One megabatch, its batches of like length in random order, the incomplete one last."""
    ranked = sorted(places, key=lambda place: lengths[place])
    batches = [ranked[start : start + batch_size] for start in range(0, len(ranked), batch_size)]
    rest = batches.pop() if len(batches[-1]) < batch_size else []
    rng.shuffle(batches)
    return [place for batch in [*batches, rest] for place in batch]
