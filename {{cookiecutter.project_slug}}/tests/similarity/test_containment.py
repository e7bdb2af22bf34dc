"""Containment finds every prompt that stands in a longer text, and no other."""

import random

import pytest

from lib.core.text import words
from lib.similarity.containment import QuoteIndex
from lib.similarity.near_copies import KnownTexts
from lib.similarity.shingles import word_hashes

ENGLISH = "my new lock beeps all night and the neighbours want to call the police"
CHINESE = "新买的门锁整夜都在响，邻居们已经说要报警了😱"


def by_hand(text: str, prompt: str) -> float:
    """Containment of a prompt by the definition; 0 where it is too short to be looked for."""
    asked, said = words(prompt), words(text)
    size = min(len(asked), 13)
    if size < 8:
        return 0.0
    grams, others = (
        {tuple(one[at : at + size]) for at in range(len(one) - size + 1)} for one in (asked, said)
    )
    return len(grams & others) / len(grams)


@pytest.mark.parametrize("prompt", [ENGLISH, CHINESE])
def test_a_prompt_in_a_longer_text_is_found(prompt: str) -> None:
    assert QuoteIndex([prompt], 1.0).search(["", f"Hi! {prompt.upper()}\nPlease help, 谢谢"]) == [
        (1, 0, 1.0)
    ]


@pytest.mark.parametrize(("size", "found"), [(7, False), (8, True), (12, True)])
def test_short_prompts_must_stand_whole(size: int, found: bool) -> None:
    prompt = " ".join(ENGLISH.split()[:size])
    assert bool(QuoteIndex([prompt], 0.1).search([f"{prompt} x"])) == found
    assert not QuoteIndex([prompt], 0.1).search([prompt.replace("lock", "bell")])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8, 1.0])
def test_equals_comparing_everything(share: float) -> None:
    draw = random.Random(1)
    source = [str(draw.randrange(40)) for _ in range(300)]
    starts = [(draw.randrange(260), draw.randrange(5, 40)) for _ in range(200)]
    texts = [" ".join(source[start : start + size]) for start, size in starts]
    ones, others = texts[:120], texts[120:]
    expected = {
        (one, other): value
        for one, text in enumerate(ones)
        for other, prompt in enumerate(others)
        if (value := by_hand(text, prompt)) >= share - 1e-9
    }
    found = {(one, other): value for one, other, value in QuoteIndex(others, share).search(ones)}
    assert found == pytest.approx(expected)
    assert found
    assert {one for one, _ in found} <= {
        *KnownTexts(others, 0.5, 1).may_be_quoted(word_hashes(ones))
    }


@pytest.mark.parametrize(
    ("texts", "prompts"), [([], [ENGLISH]), ([ENGLISH], []), (["", "a"], [""])]
)
def test_nothing_to_compare(texts: list[str], prompts: list[str]) -> None:
    assert QuoteIndex(prompts, 0.5).search(texts) == []
