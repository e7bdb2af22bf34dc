"""Write a text in one form: characters, line ends, spaces, nothing that nobody sees."""

import re
import unicodedata

from ftfy import TextFixerConfig, fix_encoding
from ftfy.badness import is_bad

from lib.curate.draft import Draft

# What ends a line elsewhere: of old Macs and of a carriage return doubled, vertical tabs of cells,
# form feeds of pages, and Unicode's.
LINE_ENDS = re.compile("\r+\n|[\r\v\f\x85\u2028\u2029]")

# Invisible characters that make equal texts differ or hide words: soft hyphen, zero-width
# space, byte order mark, directions, and tags other than those of a flag. Joiners (U+200C, U+200D)
# and variation selectors stay: Persian, the languages of India and emoji are written with them.
INVISIBLE = re.compile(
    "[\xad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
    "|(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+"
)


WHOLE = TextFixerConfig(decode_inconsistent_utf8=False)  # all of a line, or nothing
LETTER = re.compile(r"(?<!\S)[ÂÃ](?!\S)")  # on its own: somebody speaks of it
# A question about it is no damage.
ABOUT_MOJIBAKE = re.compile(
    r"mojibake|\b(?:en)?coding\b|utf-?8|charset|latin-?1|cp-?1252|unicode|in place of|instead of"
    r"|zeichensatz|codificación|encodage|乱码|文字化け",
    re.IGNORECASE,
)


def is_misread(text: str) -> bool:
    """Tell whether a line of a text was UTF-8 and read as something else, by ftfy.

    It is where it looks so and can be undone. Sound letters in the same line cannot, so that a text
    may quote some.
    """
    if text.isascii() or not is_bad(LETTER.sub("", text)) or ABOUT_MOJIBAKE.search(text):
        return False
    return any(
        is_bad(LETTER.sub("", line)) and fix_encoding(line, WHOLE) != line
        for line in text.split("\n")
    )


def tidy(text: str, draft: Draft, repair: bool = False) -> str:
    """Normalize characters (NFC), line ends and outer spaces; note in the draft what changed.

    repair: also undo that UTF-8 was read as something else.
    """
    if repair and is_misread(text):
        draft.changes.add("mojibake_repaired")
        text = "\n".join(fix_encoding(line, WHOLE) for line in text.split("\n"))
    seen = text if text.isascii() else INVISIBLE.sub("", text)
    if seen != text:
        draft.changes.add("invisible_removed")
    lines = seen.replace("\r\n", "\n").strip()
    if "\r" in lines or len(lines.splitlines()) > lines.count("\n") + 1:
        ended = LINE_ENDS.sub("\n", seen).strip()
        if ended != lines:
            draft.changes.add("line_ends")
        lines = ended
    elif lines != seen:
        draft.changes.add("spaces_trimmed")
    if lines.isascii() or unicodedata.is_normalized("NFC", lines):
        return lines
    draft.changes.add("nfc")
    return unicodedata.normalize("NFC", lines)
