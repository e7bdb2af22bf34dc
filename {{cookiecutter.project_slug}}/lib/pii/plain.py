"""Undo encodings that hide values from recognizers: escapes, entities, digits of other scripts."""

import re
from html import unescape
from urllib.parse import unquote

from lib.core.text import ESCAPE, UNSEEN, UNSPACED, escaped_character

# "电话138…" has no word boundary before the number: such letters become spaces.
# Not before an @: there they are part of a name.
BESIDE_ASCII = re.compile(rf"[{UNSPACED}](?=[A-Za-z0-9:+_.-])|(?<=[A-Za-z0-9@:+_.-])[{UNSPACED}]")
# The domain of an e-mail address in such letters: 用户@例子.中国. Labels have at most 63.
DOMAIN = re.compile(rf"@[\w-]{{0,62}}[{UNSPACED}][\w-]{{0,62}}(?:\.[\w-]{{1,63}})+")
# The zeros of all scripts, as of Unicode 17; the other digits follow each zero.
ZEROS = (
    *(0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6),
    *(0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0),
    *(0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0),
    *(0xAA50, 0xABF0, 0x104A0, 0x10D30, 0x10D40, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0),
    *(0x11450, 0x114D0, 0x11650, 0x116C0, 0x116D0, 0x116DA, 0x11730, 0x118E0, 0x11950, 0x11BF0),
    *(0x11C50, 0x11D50, 0x11DA0, 0x11DE0, 0x11F50, 0x16130, 0x16A60, 0x16AC0, 0x16B50, 0x16D70),
    *(0x1CCF0, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E4F0, 0x1E5F1),
    *(0x1E950, 0x1FBF0),
)
# Full-width signs, digits of other scripts, spaces, hyphens and the Kelvin sign (a K), to ASCII,
# one to one.
PLAIN = (
    {0x212A: ord("K")}
    | {0xFEE0 + sign: sign for sign in range(0x21, 0x7F) if sign != ord(":")}
    | {zero + digit: 0x30 + digit for zero in ZEROS for digit in range(10)}
    | dict.fromkeys([0xA0, 0x202F, 0x3000, *range(0x2000, 0x200B)], 0x20)
    | dict.fromkeys([*range(0x2010, 0x2016), 0x2212], 0x2D)
)
# Invisible characters that may occur inside a value, control characters included.
_MARKS = f"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{UNSEEN}"
_MARK = re.compile(f"[{_MARKS}]")
# Encoded characters: JSON escapes, HTML references, and in links and Markdown the signs of a value
# (space ( ) + - . : @ _).
_REFERENCE = r"&(?:#\d{2,6}|#[xX][0-9a-fA-F]{2,5}|[a-z]{2,8});"
_LINKED = r"%(?:2[089BDEbde]|3[Aa]|40|5[Ff])"
ESCAPED = "-()+.:@_"
HIDING = re.compile(rf"\\++[{ESCAPED}]|{ESCAPE.pattern}|({_LINKED}|{_REFERENCE})|[{_MARKS}]")
MAY_HIDE = re.compile(rf"[\\%&{_MARKS}]")  # a single character class, which is fast


def seen(text: str) -> tuple[str, list[int], list[int]]:
    """Return a text as a reader sees it, and for each character its start and end as written."""
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
    """Decode a match of HIDING to its character, or to "" if that is invisible."""
    if found[3]:
        sign = unescape(unquote(found[3]))
        return _MARK.sub("", sign) if len(sign) == 1 else found[0]
    if found[0][-1] in ESCAPED:
        return found[0][-1]
    return _MARK.sub("", escaped_character(found) if found[0].startswith("\\") else found[0])


def as_plain(text: str) -> str:
    """Replace full-width and similar characters by ASCII, one to one, so that spans stay valid."""
    if text.isascii():
        return text
    text = text.translate(PLAIN)
    plain = BESIDE_ASCII.sub(" ", text)
    for found in DOMAIN.finditer(text):
        plain = plain[: found.start()] + found[0] + plain[found.end() :]
    return plain
