"""Near copies in any language; signatures equal datasketch's; every pair confirmed exactly."""

import random

import numpy as np
import pytest

from lib.similarity.jaccard import jaccard as similarity
from lib.similarity.minhash import bands, candidates, connected, signatures
from lib.similarity.near_pairs import near_copies_in
from lib.similarity.shingles import shingle

WORDS = [
    "router",
    "camera",
    "lock",
    "app",
    "light",
    "red",
    "blink",
    "stop",
    "start",
    "house",
    "door",
    "key",
    "send",
    "help",
]


def documents(count: int, seed: int = 0) -> list[str]:
    """Random texts, every other one a copy of the last with a word changed."""
    draw = random.Random(seed)
    texts: list[str] = []
    for place in range(count):
        new = draw.choices(WORDS, k=draw.randrange(1, 40))
        if place % 2:
            new = texts[-1].split()
            new[draw.randrange(len(new))] = "changed"
        texts.append(" ".join(new))
    return texts


def jaccard(one: str, other: str, ngram: int) -> float:
    """The definition, in plain Python."""
    sets = []
    for text in (one, other):
        parts = text.split()
        last = max(len(parts) - ngram + 1, 1)
        sets.append({tuple(parts[at : at + ngram]) for at in range(last)})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def pairs_of(texts: list[str], threshold: float) -> list[tuple[int, int]]:
    pairs, _ = near_copies_in(texts, threshold, 2, 128, 1, 0.9999)
    return [(int(one), int(other)) for one, other in pairs]


def test_similarity_is_exact() -> None:
    texts = documents(60)
    pairs = np.array([(0, 1), (2, 3), (0, 3), (10, 11)])
    expected = [jaccard(texts[one], texts[other], 3) for one, other in pairs]
    sets = shingle(texts, 3)
    assert similarity(sets, sets, pairs).tolist() == expected


def test_signatures_equal_datasketch() -> None:
    datasketch = pytest.importorskip("datasketch", reason="pip install datasketch")
    shingles = shingle(documents(50), 3)
    ours = signatures(shingles, 128, seed=1)
    for place in range(50):
        own = shingles.hashes[shingles.starts[place] : shingles.starts[place + 1]] >> np.uint64(32)
        theirs = datasketch.MinHash(128, seed=1, hashfunc=int)
        theirs.update_batch(own)
        assert (theirs.hashvalues == ours[place]).all()


@pytest.mark.parametrize("chunk", [1 << 18, 500])
def test_finds_what_plain_python_finds(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.similarity.shingles.CHUNK", chunk)
    texts = list(dict.fromkeys(documents(300)))
    expected = [
        (one, other)
        for one in range(len(texts))
        for other in range(one + 1, len(texts))
        if jaccard(texts[one], texts[other], 2) >= 0.7
    ]
    assert pairs_of(texts, 0.7) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("我的路由器一直闪红灯上不了网怎么办", "我的路由器一直闪红灯上不了网咋办"),
        ("カメラの電源が入らないので交換してください", "カメラの電源が入らないので交換して下さい"),
        ("กล้องของฉันเปิดไม่ติดช่วยด้วย", "กล้องของฉันเปิดไม่ติดช่วยด้วยนะ"),
        ("router", "Router!"),
        ("help me", "Help, me"),
        ("🙂", "🙂"),
    ],
)
def test_near_copies_in_any_language_and_of_any_length(one: str, other: str) -> None:
    assert pairs_of([one, "something else entirely", other], 0.6) == [(0, 2)]


def test_nothing_in_nothing_out() -> None:
    assert pairs_of([], 0.8) == []


def test_bands_keep_the_recall_asked_for() -> None:
    count, size = bands(0.8, 128, 0.98)
    assert (count, size) == (18, 7)


def test_candidates_share_a_bucket() -> None:
    keys = np.array([[1, 9], [2, 8], [1, 7], [3, 8]], np.uint32)
    assert candidates(keys.T, 4).tolist() == [[0, 2], [1, 3]]


def test_what_is_connected_is_named_after_its_first() -> None:
    pairs = np.array([(4, 5), (1, 4), (2, 3)])
    assert connected(6, pairs).tolist() == [0, 1, 2, 2, 1, 1]
