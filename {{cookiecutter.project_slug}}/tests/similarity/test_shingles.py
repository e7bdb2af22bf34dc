"""Shingles are n-grams of the words that lib.core.text names, in any language."""

from itertools import chain, pairwise

import numpy as np
import pytest

from lib.core.text import words
from lib.similarity.shingles import CHUNK, Shingles, distinct, ngrams, shingle, take, word_hashes

TEXTS = [
    "My router's light is RED, déjà-vu! snake_case ﬁne Straße",
    "我的路由器 router 一直闪红灯。",
    "",
    "カメラの電源が入らない",
    "กล้องของฉัน เปิดไม่ติด",
    "नमस्ते दुनिया",
    "\u0301 a\u0332\u0333b 我\u0332\u0332 好\u0332c !\u0332d \u0332",
    "مَرْحَبًا بِكُم שָׁלוֹם \U0001e921\U0001e944",
    "மலையாளம் മലയാളം ముంబై ಕನ್ನಡ ગુજરાતી ਪੰਜਾਬੀ বাংলা བོད་ཡིག",
    "\u0301",
    "🙂",
    "???",
    "broken \ud800 letter",
    "한국어 문장 하나",
    "one",
]


def lists(shingles: Shingles) -> list[list[int]]:
    """The hashes of each text."""
    hashes, starts = shingles.hashes.tolist(), shingles.starts.tolist()
    return [hashes[start:end] for start, end in pairwise(starts)]


def test_words_are_those_of_lib_text() -> None:
    expected = [words(text) for text in TEXTS]
    found = lists(word_hashes(TEXTS))
    assert [len(one) for one in found] == [len(one) for one in expected]
    pairs = set(zip(chain(*expected), chain(*found), strict=True))
    assert len(pairs) == len({word for word, _ in pairs}) == len({number for _, number in pairs})


def test_every_character_is_of_the_word_that_lib_text_puts_it_into() -> None:
    signs = [chr(code) for code in range(0x20000) if not 0xD800 <= code <= 0xDFFF]
    texts = [f"{before}{sign}a" for sign in signs for before in "b我 "]
    assert word_hashes(texts).sizes().tolist() == [len(words(text)) for text in texts]


@pytest.mark.parametrize("ngram", [1, 2, 5, 20])
def test_ngrams_are_those_of_plain_python(ngram: int) -> None:
    def grams(text: str) -> list[tuple[str, ...]]:
        parts = words(text)
        return [tuple(parts[at : at + ngram]) for at in range(max(len(parts) - ngram + 1, 1))]

    expected, found = [grams(text) for text in TEXTS], lists(ngrams(word_hashes(TEXTS), ngram))
    assert [len(one) for one in found] == [len(one) for one in expected]
    pairs = set(zip(chain(*expected), chain(*found), strict=True))
    assert len(pairs) == len({gram for gram, _ in pairs}) == len({number for _, number in pairs})


def test_a_text_has_the_same_shingles_whatever_is_beside_it() -> None:
    texts = [*TEXTS, "long " * CHUNK + "end", *TEXTS]
    assert lists(shingle(texts, 3)) == [lists(shingle([text], 3))[0] for text in texts]


def test_distinct_sorts_and_drops_repeats() -> None:
    (found,) = lists(distinct(ngrams(word_hashes(["b a b a c"]), 1)))
    assert len(found) == 3
    assert found == sorted(found)


def test_take() -> None:
    shingles = word_hashes(TEXTS)
    assert lists(take(shingles, np.array([3, 0, 6]))) == [lists(shingles)[at] for at in (3, 0, 6)]
