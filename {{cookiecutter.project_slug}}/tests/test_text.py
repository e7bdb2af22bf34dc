"""Words of any language."""

import pytest

from lib.text import same_text_key, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't STOP, now!", ["don", "t", "stop", "now"]),
        ("我的router坏了", ["我", "的", "router", "坏", "了"]),
        ("ルーター", ["ル", "ー", "タ", "ー"]),
        ("ไม่", ["ไ", "ม", "่"]),
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
