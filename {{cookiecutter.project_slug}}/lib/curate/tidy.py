"""Normalize a text, and repair UTF-8 that was decoded with a wrong encoding (mojibake)."""

import re

from ftfy import TextFixerConfig, fix_encoding
from ftfy.badness import is_bad
from ftfy.chardata import CHARMAP_ENCODINGS

from lib.core.text import in_one_form

# A line is repaired as a whole or not at all.
WHOLE = TextFixerConfig(decode_inconsistent_utf8=False)
LETTER = re.compile(r"(?<!\S)[ÂÃ](?!\S)")  # on its own: the text is about it
# A question about encodings is not damaged.
ABOUT_MOJIBAKE = re.compile(
    r"mojibake|\b(?:en)?coding\b|utf-?8|charset|latin-?1|cp-?1252|unicode|in place of|instead of"
    r"|zeichensatz|codificación|encodage|乱码|文字化け",
    re.IGNORECASE,
)


# Every misread line has either a character that a UTF-8 lead byte becomes, followed by no ASCII
# character (ftfy takes a space, ? and SUB for a lost byte), or a Latin-1 control character. Most
# texts have neither and pass this quick test. A pattern that begins with one class is fast.
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
    """Tell whether a line of a text is mojibake that ftfy can repair.

    A line that also has sound non-ASCII letters cannot be repaired and does not count, so a text
    may quote mojibake.
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
    """Normalize a text by `in_one_form`; add the names of the changes to `changes`.

    repair: also repair mojibake.
    """
    if repair and is_misread(text):
        changes.add("mojibake_repaired")
        text = "\n".join(fix_encoding(line, WHOLE) for line in text.split("\n"))
    return in_one_form(text, changes)
