"""The order of training."""

from collections import Counter

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
