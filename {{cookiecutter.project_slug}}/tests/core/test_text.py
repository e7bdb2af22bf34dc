"""Words of any language."""

import re
from pathlib import Path

import pytest

from lib.core.text import same_text_key, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't STOP, now!", ["don", "t", "stop", "now"]),
        ("我的router坏了", ["我", "的", "router", "坏", "了"]),
        ("ルーター", ["ル", "ー", "タ", "ー"]),
        ("ไม่", ["ไ", "ม", "่"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("পানি চাই", ["পানি", "চাই"]),
        ("பால் வேண்டும்", ["பால்", "வேண்டும்"]),
        ("مَرْحَبًا بِكُم", ["مَرْحَبًا", "بِكُم"]),
        ("שָׁלוֹם", ["שָׁלוֹם"]),
        ("\U0001e921\U0001e944", ["\U0001e943\U0001e944"]),  # Adlam, beyond 16 bits
        ("\u0301a 我\u0332", ["a", "我"]),  # a mark that follows no letter
        ("Straße", ["strasse"]),
        ("Ａ１", ["a1"]),
        ("???", ["???"]),
        ("🙂 ", ["🙂"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Where is it?", " where  is it", True),
        ("到了吗？", "到了吗", True),
        ("3 - 5", "3 + 5", False),
        ("a", "b", False),
    ],
)
def test_same_text(one: str, other: str, same: bool) -> None:
    assert (same_text_key(one) == same_text_key(other)) is same


def test_no_pattern_has_a_possessive_group() -> None:
    """Before Python 3.11.5 such a group matches what it must not (cpython#100061)."""
    found = [
        f"{path}:{number}"
        for path in Path("lib").rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(r"\)(?:[*+?]|\{[\d,]+\})\+", line) and not line.lstrip().startswith("#")
    ]
    assert found == []
