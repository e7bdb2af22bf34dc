"""Write a text in one form, and undo that UTF-8 was read as something else."""

import re

from ftfy import TextFixerConfig, fix_encoding
from ftfy.badness import is_bad
from ftfy.chardata import CHARMAP_ENCODINGS

from lib.core.text import in_one_form

WHOLE = TextFixerConfig(decode_inconsistent_utf8=False)  # all of a line, or nothing
LETTER = re.compile(r"(?<!\S)[ÂÃ](?!\S)")  # on its own: somebody speaks of it
# A question about it is no damage.
ABOUT_MOJIBAKE = re.compile(
    r"mojibake|\b(?:en)?coding\b|utf-?8|charset|latin-?1|cp-?1252|unicode|in place of|instead of"
    r"|zeichensatz|codificación|encodage|乱码|文字化け",
    re.IGNORECASE,
)


# What a misread line has, whatever it was read as: a character that the first byte of a longer one
# becomes, and then no ASCII sign (ftfy takes a space, ? and SUB for a byte that was lost); or a
# control character of Latin-1. Most texts without such letters are sound at once. (A pattern that
# begins with one class of signs is fast.)
FIRSTS = {
    bytes([byte]).decode(encoding, "ignore")
    for encoding in CHARMAP_ENCODINGS
    for byte in range(0xC2, 0xF5)
}
_DAMAGED = r"\x80-\x9f\ufffd"
MAY_BE_MISREAD = re.compile(
    rf"[{_DAMAGED}{''.join(sorted(FIRSTS))}](?:(?<=[{_DAMAGED}])|[^\x21-\x3e\x40-\x7e])"
)


def is_misread(text: str) -> bool:
    """Tell whether a line of a text was UTF-8 and read as something else, by ftfy.

    It is where it looks so and can be undone. Sound letters in the same line cannot, so that a text
    may quote some.
    """
    if (
        text.isascii()
        or not MAY_BE_MISREAD.search(text)
        or not is_bad(LETTER.sub("", text))
        or ABOUT_MOJIBAKE.search(text)
    ):
        return False
    return any(
        is_bad(LETTER.sub("", line)) and fix_encoding(line, WHOLE) != line
        for line in text.split("\n")
    )


def tidy(text: str, changes: set[str], repair: bool = False) -> str:
    """Write a text in one form (`in_one_form`); add to `changes` what changed.

    repair: also undo that UTF-8 was read as something else.
    """
    if repair and is_misread(text):
        changes.add("mojibake_repaired")
        text = "\n".join(fix_encoding(line, WHOLE) for line in text.split("\n"))
    return in_one_form(text, changes)
