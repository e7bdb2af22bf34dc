"""A text as recognizers are to see it: what it means instead of how it is written."""

import re
from html import unescape
from urllib.parse import unquote

from lib.text import ESCAPE, UNSEEN, UNSPACED, escaped

# "电话138…" has no word boundary before the number: such letters are looked at as spaces.
BESIDE_ASCII = re.compile(rf"[{UNSPACED}](?=[A-Za-z0-9@:+_.-])|(?<=[A-Za-z0-9@:+_.-])[{UNSPACED}]")
# Full-width signs, other digits, spaces and hyphens as the ASCII ones they stand for, one for one.
PLAIN = (
    {0xFEE0 + sign: sign for sign in range(0x21, 0x7F) if sign != ord(":")}
    | {zero + digit: 0x30 + digit for zero in (0x660, 0x6F0, 0x966) for digit in range(10)}
    | dict.fromkeys([0xA0, 0x202F, 0x3000, *range(0x2000, 0x200B)], 0x20)
    | dict.fromkeys([*range(0x2010, 0x2016), 0x2212], 0x2D)
)
# What is not seen and may stand inside a value, control signs too.
MARKS = f"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{UNSEEN}"
MARK = re.compile(f"[{MARKS}]")
# What stands for another sign: JSON's escapes, HTML's references, and in links what a value has
# beside letters and digits (a space ( ) + - . : @ _).
REFERENCE = r"&(?:#\d{2,6}|#[xX][0-9a-fA-F]{2,5}|[a-z]{2,8});"
HIDING = re.compile(rf"{ESCAPE.pattern}|(%(?:2[089BDEbde]|3[Aa]|40|5[Ff])|{REFERENCE})|[{MARKS}]")
MAY_HIDE = re.compile(rf"[\\%&{MARKS}]")  # one class of signs, which is fast


def seen(text: str) -> tuple[str, list[int], list[int]]:
    """The text as its reader sees it; where in the text each of its signs starts and ends."""
    shown, starts, ends, at = [], list[int](), list[int](), 0
    for found in HIDING.finditer(text):
        sign = meant(found)
        if sign == found[0]:
            continue
        shown.append(text[at : found.start()])
        starts += range(at, found.start())
        ends += range(at + 1, found.start() + 1)
        at = found.end()
        if sign:
            shown.append(sign)
            starts.append(found.start())
            ends.append(at)
    starts += range(at, len(text))
    ends += range(at + 1, len(text) + 1)
    return "".join(shown) + text[at:], starts, ends


def meant(found: re.Match[str]) -> str:
    """The sign that what hides it stands for, or itself; nothing for one that is not seen."""
    if found[3]:
        sign = unescape(unquote(found[3]))
        return MARK.sub("", sign) if len(sign) == 1 else found[0]
    return MARK.sub("", escaped(found) if found[0].startswith("\\") else found[0])


def as_plain(text: str) -> str:
    """The text as recognizers are shown it: of the same length, every sign in its place."""
    return text if text.isascii() else BESIDE_ASCII.sub(" ", text.translate(PLAIN))
