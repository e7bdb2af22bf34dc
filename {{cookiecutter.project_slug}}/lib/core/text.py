"""Split texts of any language into words, and normalize texts so that they can be compared."""

import re
import unicodedata
from functools import cache
from hashlib import blake2b

# Thai, Lao, Burmese, Khmer, Japanese and Chinese do not put spaces between words.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)

# Characters that nobody sees: soft hyphens, joiners, directions, variation selectors.
UNSEEN = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
UNSEEN_SIGN = re.compile(f"[{UNSEEN}]")

# Other line ends: old Macs', a doubled carriage return, vertical tabs in cells, form feeds, and
# Unicode's.
LINE_ENDS = re.compile("\r+\n|[\r\v\f\x85\u2028\u2029]")

# Invisible characters that make equal texts differ or hide words: soft hyphen, zero-width
# space, byte order mark, directions, and tags other than those of a flag. Joiners (U+200C, U+200D)
# and variation selectors stay: Persian, the languages of India and emoji are written with them.
_NO_JOINERS = "\xad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
_TAGS = "\U000e0000-\U000e007f"
INVISIBLE = re.compile(f"[{_NO_JOINERS}]|(?<![\U0001f3f4\U000e0020-\U000e007f])[{_TAGS}]+")
# A search is several times as fast where its pattern begins with one class of signs.
_MAY_BE_INVISIBLE = re.compile(f"[{_NO_JOINERS}{_TAGS}]")

# JSON escapes in a text; JSON inside JSON has doubled backslashes.
ESCAPE = re.compile(r'\\++(?:u([0-9a-fA-F]{4})|([nrtbf"/]))|\\\\++')


def unescape(text: str) -> str:
    r"""Replace JSON escapes by what they stand for, so that `\n138...` hides no number.

    A tab, a carriage return and a backslash become a space.
    """
    return ESCAPE.sub(escaped_character, text) if "\\" in text else text


def escaped_character(found: re.Match[str]) -> str:
    """Decode a match of ESCAPE; a lone surrogate becomes a space."""
    code, letter = found[1], found[2]
    sign = chr(int(code, 16)) if code else {"n": "\n", '"': '"', "/": "/"}.get(letter, " ")
    return " " if "\ud800" <= sign <= "\udfff" else sign


def is_latin(text: str) -> bool:
    """Tell quickly whether a text is of Latin-1 alone, as those of most languages of Europe."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def without_unseen(text: str) -> str:
    """Remove invisible characters, such as zero-width spaces."""
    return text if text.isascii() else UNSEEN_SIGN.sub("", text)


def fold_case(text: str) -> str:
    """Return the text in NFKC form, case-folded and without invisible characters."""
    if text.isascii():
        return text.casefold()
    return unicodedata.normalize("NFKC", without_unseen(text)).casefold()


def in_one_form(text: str, changes: set[str] | None = None) -> str:
    """Normalize characters (NFC), line ends and outer spaces; drop invisible characters.

    The names of the changes made are added to `changes`. Curate applies this to records; whatever
    is compared with them (right answers, labels, model answers) gets it when it is read.
    """
    noted = set[str]() if changes is None else changes
    plain = text.isascii() or not _MAY_BE_INVISIBLE.search(text)
    seen = text if plain else INVISIBLE.sub("", text)
    if seen != text:
        noted.add("invisible_removed")
    lines = seen.replace("\r\n", "\n").strip()
    if "\r" in lines or len(lines.splitlines()) > lines.count("\n") + 1:
        ended = LINE_ENDS.sub("\n", seen).strip()
        if ended != lines:
            noted.add("line_ends")
        lines = ended
    elif lines != seen:
        noted.add("spaces_trimmed")
    if lines.isascii() or unicodedata.is_normalized("NFC", lines):
        return lines
    noted.add("nfc")
    return unicodedata.normalize("NFC", lines)


@cache
def marks() -> str:
    """List the combining marks written on or around a letter, such as vowels in Hindi and Arabic.

    \\w matches none of them. Those of UNSPACED are left out: each is a word of its own.
    """
    signs = map(chr, range(0x300, 0x1F000))  # all but variation selectors
    found = "".join(sign for sign in signs if unicodedata.category(sign) in ("Mn", "Mc"))
    return re.sub(f"[{UNSPACED}]", "", found)


@cache
def word_pattern() -> re.Pattern[str]:
    """Compile the pattern of a word: letters and the marks that follow them."""
    letter = rf"[^\W{UNSPACED}]"
    mark = rf"(?![\0-\u02ff])[{marks()}]"  # the first test alone is fast after a Latin word
    # No possessive group, `(...)*+`: before Python 3.11.5 it matches what it must not
    # (https://github.com/python/cpython/issues/100061), and Debian 12 has 3.11.2.
    return re.compile(rf"[{UNSPACED}]|{letter}++(?:{mark}{letter}*+)*")


def words(text: str) -> list[str]:
    """Split a text into case-folded words without punctuation; unspaced scripts into characters."""
    # A text without letters or digits (an emoji, "???") is one word: itself.
    return word_pattern().findall(fold_case(text)) or [text.strip()]


def same_text_key(text: str) -> bytes:
    """Hash a text to 16 bytes, equal where only case, spacing or the last full stop differ."""
    normal = " ".join(fold_case(text).split()).rstrip(" .!?。…")
    return blake2b(normal.encode("utf-8", "replace"), digest_size=16).digest()
