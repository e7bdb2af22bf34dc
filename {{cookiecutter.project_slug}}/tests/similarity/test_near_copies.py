"""The exact search for known texts misses nothing and invents nothing."""

from io import BytesIO

import numpy as np
import pytest

from lib.similarity.near_copies import KnownTexts, compare_all, near_copies, search_rows
from lib.similarity.spans import Spans, read_spans
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


@pytest.mark.parametrize("size", [1, 1 << 24])
def test_pairs_are_compared_in_batches_and_come_back_in_order(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.similarity.near_copies.BATCH_BYTES", size)
    pairs = np.array([(0, 3), (1, 2), (0, 1), (2, 3)])
    spans = np.array([(0, 2), (2, 3), (3, 6), (6, 8)])
    found = compare_all(pairs, spans, lambda some: some[:, 1, 0])
    assert found.tolist() == spans[pairs[:, 1], 0].tolist()


def test_only_texts_that_share_a_bucket_are_compared() -> None:
    buckets = np.array([[1, 9], [2, 8], [1, 8], [3, 9]], np.uint32)
    spans = np.array([(0, 8), (8, 16), (16, 24), (24, 28)])

    def compare(some: Spans) -> Spans:
        return some[:, 0, 0]

    pairs, _ = near_copies(buckets.T, spans, compare)
    assert pairs.tolist() == [[0, 2], [0, 3], [1, 2]]


def test_each_text_of_pairs_is_read_once() -> None:
    spans = np.array([[(0, 2), (2, 5)], [(0, 2), (5, 6)]])
    texts, pairs = read_spans(BytesIO(b"aabbbc"), spans)
    assert (list(texts), pairs.tolist()) == ([b"aa", b"bbb", b"c"], [[0, 1], [0, 2]])
