"""The exact search for known texts misses nothing and invents nothing."""

import pytest

from lib.similarity.near_copies import KnownTexts, search_rows
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
    assert {
        (hit.one, hit.other) for hit in KnownTexts(others, threshold, ngram).near(ones)
    } == expected


def test_says_how_similar() -> None:
    (hit,) = KnownTexts(["a b c e"], 0.5, 1).near(["a b c d", "x y"])
    assert hit == (0, 0, 0.6)


def test_the_same_text_is_found_whatever_its_case_spacing_and_full_stop() -> None:
    known = KnownTexts(["other", "Where is it?"], 0.5, 1)
    assert known.same(["where  IS it", "where is"]) == [(0, 1, 1.0)]


def test_hits_of_rows_name_the_row() -> None:
    known = KnownTexts(["a b c e"], 0.5, 1)
    assert search_rows(known.near, [[], ["x y", "a b c d"]]) == [(1, 0, 0.6)]


@pytest.mark.parametrize(("texts", "known"), [([], ["a"]), (["a"], [])])
def test_nothing_to_compare(texts: list[str], known: list[str]) -> None:
    search = KnownTexts(known, 0.5, 3)
    assert search.same(texts) == search.near(texts) == search.quoted(texts) == []
