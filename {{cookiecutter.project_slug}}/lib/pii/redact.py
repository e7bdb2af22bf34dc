"""Find personal data with presidio, and replace it by placeholders such as <EMAIL_ADDRESS_1>.

Most texts cannot contain an e-mail address or a number. Gates (gates.py), regular expressions of
what a value of a kind *must* contain, show that quickly: presidio, which costs a hundred times
more, runs only for the kinds whose gate a text passes, with the same result. Names and places have
no gate: they are searched for only where curate.pii.ner names a model.
"""

import hashlib
import hmac
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, get_args
from unicodedata import normalize

from lib.pii.gates import ANY, gates, may_hold
from lib.pii.params import NAME_KINDS, NationalId, PiiParams
from lib.pii.plain import MAY_HIDE, PLAIN, as_plain, seen
from lib.runtime.errors import UserError

# Kinds in which 4111-1111 and 4111 1111 are the same value.
_GROUPED = {
    "PHONE_NUMBER",
    "CREDIT_CARD",
    "IBAN_CODE",
    "US_SSN",
    "MAC_ADDRESS",
    "CN_MOBILE_NUMBER",
    "CN_RESIDENT_ID",
    *get_args(NationalId),
}
CN_DIGITS = 11  # of a Chinese mobile number; only a country code may precede them
_SHORT = 500  # characters of a text whose spans are cached: 10,000 of them are a few megabytes
KEY_LENGTH = 16  # characters; all phone numbers can be tried against a guessable key

Span = tuple[int, int, str]  # start, end, entity


class Finder:
    """Find the spans of personal data in texts."""

    def __init__(self, params: PiiParams) -> None:
        self.params = params
        self.key = read_placeholder_key(params.key_env)
        self.gates = gates(sorted(set(params.entities) - NAME_KINDS), params.regions)
        self._remembered = lru_cache(maxsize=10_000)(self._find)

    def find(self, text: str) -> tuple[Span, ...]:
        """Find the spans of personal data, (start, end, kind), in order and without overlaps.

        Short texts are cached, so that copies cost nothing.
        """
        return self._remembered(text) if len(text) <= _SHORT else self._find(text)

    def _find(self, text: str) -> tuple[Span, ...]:
        """Find spans in the decoded text, and return them in the original one."""
        if not MAY_HIDE.search(text):
            return self._search(text)
        shown, starts, ends = seen(text)
        return tuple(
            (starts[start], ends[end - 1], kind) for start, end, kind in self._search(shown)
        )

    def _search(self, text: str) -> tuple[Span, ...]:
        """Spans of a text without escapes and invisible characters."""
        if not self.params.ner and not may_hold(text):
            return ()
        plain = as_plain(text)
        results = [one for entity in self.possible(plain) for one in self.ask(entity, plain)]
        if self.params.ner:
            names = set(self.params.entities) & NAME_KINDS
            found = load_ner(self.params.ner).analyze(text, sorted(names))
            results += [one for one in found if one.entity_type in names]
        return tuple(join_spans(results)) if results else ()

    def possible(self, text: str) -> list[str]:
        """List the kinds of personal data whose gate a text passes."""
        if not ANY.search(text):
            return []
        return [
            entity
            for entity, conditions in self.gates.items()
            if any(one.search(text) for one in conditions)
        ]

    def ask(self, entity: str, text: str) -> list[Any]:
        """Run the recognizers of one kind; return results that score at least curate.pii.score."""
        recognizers = load_recognizers(entity, tuple(self.params.regions))
        results = [one for part in recognizers for one in part.analyze(text, [entity])]
        return [one for one in results if one.score >= self.params.score]


class Redactor:
    """Masks one record: a value gets the same placeholder in all of its texts."""

    def __init__(self, finder: Finder) -> None:
        self.finder = finder
        self.names: dict[tuple[str, str], str] = {}
        self.found: dict[str, int] = {}  # how often each kind

    def redact(self, text: str) -> str:
        """Replace personal data in a text by placeholders, and count it."""
        parts, at = [], 0
        for start, end, entity in self.finder.find(text):
            parts += [text[at:start], self.name(entity, text[start:end])]
            at = end
            self.found[entity] = self.found.get(entity, 0) + 1
        return "".join(parts) + text[at:] if parts else text

    def name(self, entity: str, value: str) -> str:
        """Return the placeholder of a value: <ENTITY_n>, or with a key the same in all records.

        n counts the values of a kind in this record.
        """
        value = normalize("NFC", seen(value)[0].translate(PLAIN)).casefold()
        if entity in _GROUPED:
            value = self.dialled(entity, value) or re.sub(r"[\W_]", "", value)
        if self.finder.key:
            return f"<{entity}_{keyed(self.finder.key, entity, value)}>"
        key = (entity, value)
        if key not in self.names:
            number = 1 + sum(known == entity for known, _ in self.names)
            self.names[key] = f"<{entity}_{number}>"
        return self.names[key]

    def dialled(self, entity: str, value: str) -> str:
        """Normalize a phone number to E.164, with or without country code; "" for other kinds."""
        if entity == "CN_MOBILE_NUMBER":
            return re.sub(r"\D", "", value)[-CN_DIGITS:]
        if entity != "PHONE_NUMBER":
            return ""
        with hide_packages("torch", "transformers"):
            from lib.pii.phones import dialled_from_anywhere
        return dialled_from_anywhere(value, self.finder.params.regions)

    def hide(self, value: str) -> str:
        """Hash a whole value to 16 hex digits, with the key of placeholders; "" stays ""."""
        key = hashlib.sha256(self.finder.key).digest() if self.finder.key else b""
        data = value.encode("utf-8", "replace")
        return hashlib.blake2b(data, digest_size=8, key=key).hexdigest() if value else ""


def read_placeholder_key(name: str | None) -> bytes:
    """Read the key of placeholders from an environment variable; without a name it is empty.

    Raises UserError where the variable is not set or too short.
    """
    if name is None:
        return b""
    key = os.environ.get(name, "")
    if len(key) < KEY_LENGTH:
        raise UserError(
            f"params.yaml: curate.pii.key_env names the environment variable {name}, which "
            f"{'is too short' if key else 'is not set'}; set it to a secret of {KEY_LENGTH} or "
            "more characters, or set key_env: null"
        )
    return key.encode()


def keyed(key: bytes, entity: str, value: str) -> str:
    """Compute 64 bits of HMAC-SHA-256 in hex: equal for equal values, useless without the key."""
    return hmac.digest(key, f"{entity}:{value}".encode(), "sha256")[:8].hex()


def join_spans(results: list[Any]) -> Iterator[Span]:
    """Join overlapping results into one span, so that no part of a value is left.

    The kind is that of the result with the highest score, then the longest.
    """
    start, end, best = 0, 0, (0.0, 0, "")
    for one in sorted(results, key=lambda one: (one.start, one.end)):
        rank = (one.score, one.end - one.start, one.entity_type)
        if one.start >= end:
            if end:
                yield start, end, best[2]
            start, end, best = one.start, one.end, rank
        else:
            end, best = max(end, one.end), max(best, rank)
    if end:
        yield start, end, best[2]


@lru_cache(maxsize=64)
def load_recognizers(entity: str, regions: tuple[str, ...]) -> list[Any]:
    """Load the recognizers of one kind; presidio is imported when a text first needs it."""
    with hide_packages("torch", "transformers"):
        from lib.pii.recognizers import build_recognizers
    return build_recognizers(entity, list(regions))


@lru_cache(maxsize=1)
def load_ner(model: str) -> Any:
    """Load the recognizer of names; imports torch."""
    with hide_packages("torch", "transformers"):
        import presidio_analyzer  # noqa: F401
    from lib.pii.name_models import recognizer_of

    if (known := recognizer_of(model)) is not None:
        return known
    from lib.pii.ner import NerRecognizer

    return NerRecognizer(model)


@contextmanager
def hide_packages(*names: str) -> Iterator[None]:
    """Make packages appear to be missing while the block runs.

    Presidio imports torch and transformers if installed, for engines that are not used here; that
    takes five times as long as its own start.
    """
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)
