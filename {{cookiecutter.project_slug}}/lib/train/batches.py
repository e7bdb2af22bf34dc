"""Fix the order in which training sees its records, before the first step.

One list of indices for all epochs depends only on the lengths and the seed. A resumed run continues
in the same list; the trainer's own samplers would draw again from the global random state.
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
    """Return the indices of the records for all epochs: shuffled, with batches of similar length.

    Padding costs as much as text, so batches of similar length train faster; the batches are
    shuffled, so that the model does not see short records first. Each epoch has every record once.
    Records with the same key in `twins` (by default a record and its copy in the next epoch) go
    into different steps of `accumulation` batches where possible: a record that occurs twice in a
    step has twice the weight there.
    """
    rng, count = random.Random(seed), len(lengths)
    kinds = [frozenset([twin]) for twin in (range(count) if twins is None else twins)]
    wanted = max(1, round(epochs * count))
    places: list[int] = []
    left: list[int] = []  # for an incomplete last epoch: records that may replace one of it
    while len(places) < wanted:
        drawn = rng.sample(range(count), count)
        drawn, left = drawn[: wanted - len(places)], drawn[wanted - len(places) :]
        first = -len(places) % batch_size  # they complete the batch that the epoch before began
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
    """Split one megabatch into shuffled batches of similar length, an incomplete one last."""
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
    """Reorder rows so that, where possible, no step has one of the `kinds` twice.

    `kinds[row]`: the kinds in a row; `epochs[row]`: the row's epoch, which it does not leave. A row
    that conflicts with an earlier one in its step is swapped with the nearest row that conflicts in
    neither step; else with a later one, whose step is handled later.
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
    """Yield positions of the same epoch in other steps, nearest first, within a megabatch."""
    for off in range(1, min(MEGABATCH * step, len(epochs))):
        for at in (place + off, place - off):
            inside = 0 <= at < len(epochs) and epochs[at] == epochs[place]
            if inside and at // step != place // step:
                yield at
