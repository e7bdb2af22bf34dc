"""The order in which training sees its records, laid out before the first step.

One list of places, all epochs long, depends on nothing but the lengths and the seed. A resumed run
reads on in the same list; the trainer's own samplers draw anew from the global random state.
"""

import random
from collections.abc import Hashable, Iterator, Sequence

MEGABATCH = 50  # batches that are sorted by length together


def order(
    lengths: list[int],
    epochs: float,
    batch_size: int,
    seed: int,
    twins: Sequence[Hashable] | None = None,
    accumulation: int = 1,
) -> list[int]:
    """Places of the records for all epochs: shuffled, those of a batch of like length.

    Padding costs as much as text, so batches of like length train faster; they come in random
    order, so that the model does not see the short records first. An epoch has each record once,
    and only then comes the next. Records that are equal in `twins` (without it, a record and
    itself in the next epoch) go into different steps of `accumulation` batches, as far as there are
    others: a record that stands twice in a step has twice its weight there, and fewer are seen.
    """
    rng, count = random.Random(seed), len(lengths)
    kinds = [frozenset([twin]) for twin in (range(count) if twins is None else twins)]
    wanted = max(1, round(epochs * count))
    places: list[int] = []
    left: list[int] = []  # of a last epoch that is not whole: what may stand in for a record of it
    while len(places) < wanted:
        drawn = rng.sample(range(count), count)
        drawn, left = drawn[: wanted - len(places)], drawn[wanted - len(places) :]
        first = -len(places) % batch_size  # they fill the batch that the last epoch began
        places += drawn[:first]
        for start in range(first, len(drawn), MEGABATCH * batch_size):
            chunk = drawn[start : start + MEGABATCH * batch_size]
            places += by_length(chunk, lengths, batch_size, rng, kinds)
    step = batch_size * accumulation
    places += left
    epochs_of = [at // count for at in range(len(places))]
    turns = spread_apart([kinds[place] for place in places], step, epochs_of)
    return [places[turn] for turn in turns][:wanted]


def by_length(
    places: list[int],
    lengths: list[int],
    batch_size: int,
    rng: random.Random,
    kinds: Sequence[frozenset[Hashable]],
) -> list[int]:
    """Sort one megabatch: its batches of like length in random order, the incomplete one last."""
    ranked = sorted(places, key=lambda place: lengths[place])
    turns = spread_apart([kinds[place] for place in ranked], batch_size, [0] * len(ranked))
    ranked = [ranked[turn] for turn in turns]
    batches = [ranked[start : start + batch_size] for start in range(0, len(ranked), batch_size)]
    rest = batches.pop() if len(batches[-1]) < batch_size else []
    rng.shuffle(batches)
    return [place for batch in [*batches, rest] for place in batch]


def spread_apart(
    kinds: Sequence[frozenset[Hashable]], step: int, epochs: Sequence[int]
) -> list[int]:
    """Return the rows in an order in which no step has one of the `kinds` twice, where that can be.

    `kinds[row]` is what a row holds, `epochs[row]` the epoch it is of, and stays in. A row that
    clashes with an earlier one of its step changes places with the nearest that clashes with
    neither step; else with one further on, whose step has its turn yet.
    """
    rows = list(range(len(kinds)))

    def others(place: int) -> frozenset[Hashable]:
        start = place - place % step
        mates = [rows[at] for at in range(start, min(start + step, len(rows))) if at != place]
        return frozenset[Hashable]().union(*(kinds[row] for row in mates))

    held: set[Hashable] = set()
    for place in range(len(rows)):
        held = held if place % step else set()
        if not held.isdisjoint(kinds[rows[place]]):
            mates = others(place)
            fits = [at for at in near(place, step, epochs) if mates.isdisjoint(kinds[rows[at]])]
            free = (at for at in fits if kinds[rows[place]].isdisjoint(others(at)))
            later = (at for at in fits if at > place)
            other = next(free, next(later, place))
            rows[place], rows[other] = rows[other], rows[place]
        held |= kinds[rows[place]]
    return rows


def near(place: int, step: int, epochs: Sequence[int]) -> Iterator[int]:
    """Places of the same epoch in other steps, the nearest first, as far as a megabatch goes."""
    for off in range(1, min(MEGABATCH * step, len(epochs))):
        for at in (place + off, place - off):
            inside = 0 <= at < len(epochs) and epochs[at] == epochs[place]
            if inside and at // step != place // step:
                yield at
