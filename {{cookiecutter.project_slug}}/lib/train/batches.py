"""The order in which training sees its records, laid out before the first step.

One list of places, all epochs long, depends on nothing but the lengths and the seed. A resumed run
reads on in the same list; the trainer's own samplers draw anew from the global random state.
"""

import random
from collections import Counter
from collections.abc import Hashable, Sequence

MEGABATCH = 50  # batches that are sorted by length together


def order(
    lengths: list[int],
    epochs: float,
    batch_size: int,
    seed: int,
    twins: Sequence[Hashable] | None = None,
) -> list[int]:
    """List the records in training order, all epochs: shuffled, each batch of like length.

    Padding costs as much as text, so batches of like length train faster; they come in random
    order, so that the model does not see the short records first. Records that are equal in `twins`
    go into different batches, as far as there are others.
    """
    rng = random.Random(seed)
    places: list[int] = []
    while len(places) < round(epochs * len(lengths)):
        places += rng.sample(range(len(lengths)), len(lengths))
    places = places[: max(1, round(epochs * len(lengths)))]
    step = MEGABATCH * batch_size
    chunks = [places[start : start + step] for start in range(0, len(places), step)]
    return [p for chunk in chunks for p in by_length(chunk, lengths, batch_size, rng, twins)]


def by_length(
    places: list[int],
    lengths: list[int],
    batch_size: int,
    rng: random.Random,
    twins: Sequence[Hashable] | None = None,
) -> list[int]:
    """Order one megabatch: batches of like length at random, an incomplete one last."""
    ranked = sorted(places, key=lambda place: lengths[place])
    ranked = ranked if twins is None else apart(ranked, twins)
    batches = [ranked[start : start + batch_size] for start in range(0, len(ranked), batch_size)]
    rest = batches.pop() if len(batches[-1]) < batch_size else []
    rng.shuffle(batches)
    return [place for batch in [*batches, rest] for place in batch]


def apart(ranked: list[int], twins: Sequence[Hashable]) -> list[int]:
    """Move equal records away from each other: the first of each kind, then the second, and so on.

    Only where kinds (in `twins`) are few are two of one near each other.
    """
    seen = Counter[Hashable]()
    turns = []
    for place in ranked:
        turns.append((seen[twins[place]], place))
        seen[twins[place]] += 1
    return [place for _, place in sorted(turns, key=lambda turn: turn[0])]
