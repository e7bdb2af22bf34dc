"""The exact search misses nothing and invents nothing."""

import pytest

from lib.similarity.leakage import search
from tests.similarity.test_minhash import documents, jaccard


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.6, 0.8, 1.0])
@pytest.mark.parametrize("ngram", [1, 3])
def test_equals_comparing_everything(threshold: float, ngram: int) -> None:
    texts = documents(240)
    ones, others = texts[::2], texts[1::2]
    expected = {
        (left, right)
        for left, one in enumerate(ones)
        for right, other in enumerate(others)
        if jaccard(one, other, ngram) >= threshold - 1e-9
    }
    assert {(hit.one, hit.other) for hit in search(ones, others, threshold, ngram)} == expected


def test_says_how_similar() -> None:
    (hit,) = search(["a b c d", "x y"], ["a b c e"], 0.5, 1)
    assert hit == (0, 0, 0.6)


@pytest.mark.parametrize(("ones", "others"), [([], ["a"]), (["a"], [])])
def test_nothing_to_compare(ones: list[str], others: list[str]) -> None:
    assert search(ones, others, 0.5, 3) == []
