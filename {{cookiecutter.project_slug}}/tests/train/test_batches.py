"""The order of training."""

from collections import Counter

import pytest

from lib.train.batches import order

LENGTHS = [7, 1, 5, 3, 8, 2, 6, 4, 9]


def test_every_record_comes_once_an_epoch() -> None:
    assert Counter(order(LENGTHS, 3, 2, seed=1)) == dict.fromkeys(range(9), 3)


def test_a_batch_holds_records_of_like_length() -> None:
    places = order(LENGTHS, 1, 3, seed=1)
    batches = [sorted(LENGTHS[place] for place in places[i : i + 3]) for i in (0, 3, 6)]
    assert sorted(batches) == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_the_seed_decides() -> None:
    assert order(LENGTHS, 2, 2, seed=1) == order(LENGTHS, 2, 2, seed=1)
    assert order(LENGTHS, 2, 2, seed=1) != order(LENGTHS, 2, 2, seed=2)


def test_part_of_an_epoch() -> None:
    assert len(order(LENGTHS, 1 / 3, 2, seed=1)) == 3


def test_twins_are_in_different_batches_as_far_as_there_are_others() -> None:
    twins = [at // 2 for at in range(9)]
    places = order(LENGTHS, 2, 3, seed=1, twins=twins)
    assert Counter(places) == dict.fromkeys(range(9), 2)
    batches = [[twins[place] for place in places[at : at + 3]] for at in range(0, 18, 3)]
    assert all(len(set(batch)) == 3 for batch in batches)
    assert len(order([1, 1], 1, 2, seed=1, twins=[7, 7])) == 2


def steps(places: list[int], size: int) -> list[list[int]]:
    return [places[at : at + size] for at in range(0, len(places), size)]


@pytest.mark.parametrize(("records", "epochs"), [(153, 3), (33, 4.3), (16, 2), (100, 1.5)])
@pytest.mark.parametrize(("batch", "accumulation"), [(8, 1), (2, 4), (4, 2)])
def test_an_epoch_ends_before_the_next_and_no_step_has_a_record_twice(
    records: int, epochs: float, batch: int, accumulation: int
) -> None:
    lengths = [at % 13 for at in range(records)]
    places = order(lengths, epochs, batch, seed=1, accumulation=accumulation)
    whole = [places[at : at + records] for at in range(0, len(places) - records + 1, records)]
    assert all(sorted(epoch) == list(range(records)) for epoch in whole)
    assert len(places) == round(epochs * records)
    assert all(len(set(step)) == len(step) for step in steps(places, batch * accumulation))


def test_a_step_of_more_rows_than_there_are_records_has_some_twice() -> None:
    assert Counter(order([1, 2, 3], 2, 8, seed=1)) == dict.fromkeys(range(3), 2)


def test_copies_of_frequent_records_are_spread_over_the_steps() -> None:
    twins = [min(at, 90) for at in range(100)]  # ten copies of one
    places = order([1] * 100, 1, 8, seed=1, twins=twins)
    assert max(Counter(twins[p] for p in step)[90] for step in steps(places, 8)) == 1


def test_batches_are_of_like_length_in_every_epoch() -> None:
    lengths = list(range(101))
    found = steps(order(lengths, 3, 8, seed=1), 8)
    wide = [step for step in found if max(map(lengths.__getitem__, step)) - min(step) > 9]
    assert len(wide) <= 3  # those at the border of two epochs, and what came of an exchange
