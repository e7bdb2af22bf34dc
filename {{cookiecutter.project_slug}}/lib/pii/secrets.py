"""Find API keys, private keys and tokens by the rules of MongoDB's Kingfisher.

The rules are maintained there and come with the package. Nothing is sent anywhere: Kingfisher's
option to validate a key with its provider is not used. A password in a sentence has no recognizable
form and is not found.
"""

import re
from functools import lru_cache
from typing import Any

from lib.core.text import UNSPACED, is_latin, unescape, without_unseen
from lib.pii.plain import PLAIN

MASK = "<SECRET>"
# "密钥ghp_…" has no word boundary before the key. The number of bytes stays the same.
UNSPACED_LETTER = re.compile(f"[{UNSPACED}]")
_WIDE = "[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]"
FULL_WIDTH = re.compile(_WIDE * 3)
# Kingfisher requires the end of a private key. If it was cut off, all that follows may be the key.
BEGIN = "-----BEGIN "
_NAME = r"(?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
LINE_END, HEADER = r"\s|\\+[nr]", r"[A-Z][A-Za-z-]+: [^\n]*+"
PRIVATE_KEY = re.compile(
    rf"{BEGIN}{_NAME}(?:{LINE_END}|{HEADER})*[A-Za-z0-9+/]{{20}}(?:.*?-----END {_NAME}|.*)",
    re.DOTALL,
)
_TOGETHER = 32  # texts that are scanned together
# Separator: longer than any rule skips between the name of a key and the key.
APART = "\n.\n" * 100


def find_secrets(text: str) -> list[str]:
    """List the secrets in a text, as written or as a reader sees them, the longest first."""
    texts = readings(text)
    found = {finding.secret for one in texts for finding in load_scanner().scan(spaced(one))}
    found |= {key[0] for one in texts if BEGIN in one for key in PRIVATE_KEY.finditer(one)}
    return sorted(found, key=lambda secret: (-len(secret), secret))


def readings(text: str) -> set[str]:
    """Return a text as it is written and as a reader sees it."""
    if "\\" not in text and text.isascii():
        return {text}
    shown = unescape(text)
    return {text, shown, without_unseen(shown), as_ascii(text)}


def spaced(text: str) -> str:
    """Replace letters of unspaced scripts by spaces, so that rules see word boundaries."""
    return text if is_latin(text) else UNSPACED_LETTER.sub(" ", text)


def which_hold_secrets(texts: list[str]) -> list[bool]:
    """Tell for each text whether `find_secrets` finds a secret in it; much faster for many texts.

    _TOGETHER texts are scanned at once, and one by one only where something is found.
    """
    held = list[bool]()
    for at in range(0, len(texts), _TOGETHER):
        some = texts[at : at + _TOGETHER]
        whole = APART.join([spaced(one) for text in some for one in readings(text)])
        sound = BEGIN not in whole and not load_scanner().scan(whole)
        held += [not sound and bool(find_secrets(text)) for text in some]
    return held


def mask_secrets(text: str) -> str:
    """Replace each secret in a text by <SECRET>."""
    secrets = find_secrets(text)
    for secret in secrets:
        text = _without(text, secret)
    for shown in (unescape(text), without_unseen(unescape(text))):
        if shown != text and any(secret in shown for secret in secrets):
            return mask_secrets(shown)
    return text


def as_ascii(text: str) -> str:
    """Replace words in full-width characters by ASCII, one character to one."""
    return text.translate(PLAIN) if not is_latin(text) and FULL_WIDTH.search(text) else text


def _without(text: str, secret: str) -> str:
    """Replace one secret by <SECRET>, also where it is written in full-width characters."""
    parts, at = [], 0
    for part in as_ascii(text).split(as_ascii(secret)):
        parts.append(text[at : at + len(part)])
        at += len(part) + len(secret)
    return MASK.join(parts)


@lru_cache(maxsize=1)
def load_scanner() -> Any:
    """Load the scanner; rules are compiled once (3 CPU seconds), then read from a cache."""
    from kingfisher_sdk import Rules, Scanner

    return Scanner(Rules(), base64=False)
