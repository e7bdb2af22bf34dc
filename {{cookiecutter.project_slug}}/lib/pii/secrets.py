"""Find API keys, private keys and tokens by the rules of MongoDB's Kingfisher.

The rules are maintained there and come with the package. Nothing is sent anywhere: Kingfisher can
ask a provider whether a key still works, which is not used here. A password in a sentence has no
form of its own and is not found.
"""

import re
from functools import lru_cache
from typing import Any

from lib.core.text import UNSPACED, is_latin, unescape, without_unseen
from lib.pii.plain import PLAIN

MASK = "<SECRET>"
# "密钥ghp_…" has no word boundary before the key. As many bytes come out as go in.
UNSPACED_LETTER = re.compile(f"[{UNSPACED}]")
_WIDE = "[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]"
FULL_WIDTH = re.compile(_WIDE * 3)
# Kingfisher wants the end of a private key. Where it was cut off, all that follows may be the key.
BEGIN = "-----BEGIN "
_NAME = r"(?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
LINE_END, HEADER = r"\s|\\+[nr]", r"[A-Z][A-Za-z-]+: [^\n]*+"
PRIVATE_KEY = re.compile(
    rf"{BEGIN}{_NAME}(?:{LINE_END}|{HEADER})*[A-Za-z0-9+/]{{20}}(?:.*?-----END {_NAME}|.*)",
    re.DOTALL,
)
_TOGETHER = 32  # texts that are scanned at once
# Between them: more than any rule skips between the name of a key and the key.
APART = "\n.\n" * 100


def find_secrets(text: str) -> list[str]:
    """List the secrets of a text, as written or as a reader sees them, the longest first."""
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
    """Put spaces where Chinese and the like has none, so that rules see the bounds of words."""
    return text if is_latin(text) else UNSPACED_LETTER.sub(" ", text)


def which_hold_secrets(texts: list[str]) -> list[bool]:
    """Tell of each text whether `find_secrets` finds something in it; much faster for many texts.

    _TOGETHER are scanned at once. Only where something is found, each is scanned by itself.
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
    """Replace full-width characters by ASCII ones, one for one, where there are words of them."""
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
    """Load the scanner; its rules compile once (3 CPU seconds), then load from the user's cache."""
    from kingfisher_sdk import Rules, Scanner

    return Scanner(Rules(), base64=False)
