"""Personal data: found by presidio, replaced by placeholders such as <EMAIL_ADDRESS_1>.

Most text holds nothing that could be an e-mail address or a number, and one regular expression of
what such a value *must* contain tells so: only text that passes this gate reaches presidio, with
the same result. Names and postal addresses are not looked for.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from lib.errors import UserError
from lib.params.curate import PiiParams
from lib.text import UNSPACED

# What every value of a kind must contain, whatever else presidio checks.
NECESSARY = {
    "EMAIL_ADDRESS": r"@",
    "CREDIT_CARD": r"\d(?:[- ]?\d){12}",
    "IBAN_CODE": r"[A-Z]{2}[0-9]{2}[ -]?[A-Z0-9]{4}[ -]?[A-Z0-9]{4}",
    "US_SSN": r"[0-9](?:[- .]?[0-9]){8}",
    "IP_ADDRESS": r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|:[0-9A-F]{0,4}:",
    "MAC_ADDRESS": r"[0-9A-F]{2}[:-][0-9A-F]{2}[:-]|[0-9A-F]{4}\.[0-9A-F]{4}\.",
    "CRYPTO": r"(?:bc1|[13])[A-Z0-9]{25}",
    "CN_MOBILE_NUMBER": r"1[3-9]\d[- ]?\d{4}[- ]?\d{4}",
    "CN_RESIDENT_ID": r"[1-9]\d{16}[0-9X]",
}
UNSPACED_LETTER = re.compile(f"[{UNSPACED}]")

Span = tuple[int, int, str]  # start, end, entity


class Finder:
    """Finds the spans of personal data in a text."""

    def __init__(self, params: PiiParams) -> None:
        self.params = params
        self.gate = gate(params)
        self.find = lru_cache(maxsize=50_000)(self._find)  # copies cost nothing

    def _find(self, text: str) -> tuple[Span, ...]:
        """Spans in order, none overlapping. "电话138…" has no word boundary before the number, so
        letters that are written without spaces are looked at as spaces."""
        if self.gate is None:
            return ()
        spaced = text if text.isascii() else UNSPACED_LETTER.sub(" ", text)
        if not self.gate.search(spaced):
            return ()
        return tuple(join(self.analyze(spaced)))

    def analyze(self, text: str) -> list[Any]:
        """Presidio's results, whether or not the text would pass the gate."""
        engine = load_engine(tuple(self.params.entities), tuple(self.params.regions))
        return engine.analyze(text, language="en", score_threshold=self.params.score)


class Redactor:
    """Masks one record: the same value gets the same placeholder in each of its texts."""

    def __init__(self, finder: Finder) -> None:
        self.finder = finder
        self.names: dict[tuple[str, str], str] = {}
        self.found: Counter[str] = Counter()

    def redact(self, text: str) -> str:
        """The text with placeholders for personal data."""
        parts, at = [], 0
        for start, end, entity in self.finder.find(text):
            parts += [text[at:start], self.name(entity, text[start:end])]
            at = end
            self.found[entity] += 1
        return "".join(parts) + text[at:] if parts else text

    def name(self, entity: str, value: str) -> str:
        """<ENTITY_n>, n counted inside the record."""
        key = (entity, re.sub(r"[\s().-]", "", value).casefold())
        if key not in self.names:
            number = 1 + sum(known == entity for known, _ in self.names)
            self.names[key] = f"<{entity}_{number}>"
        return self.names[key]


def gate(params: PiiParams) -> re.Pattern[str] | None:
    """What a text must match to hold any of these entities; None when there are none."""
    conditions = [NECESSARY[entity] for entity in params.entities if entity in NECESSARY]
    if "PHONE_NUMBER" in params.entities:
        conditions.append(phone_condition(params.regions))
    return re.compile("|".join(f"(?:{one})" for one in conditions), re.I) if conditions else None


def phone_condition(regions: list[str]) -> str:
    """A plus sign, or the digits of the shortest national number and what may stand between."""
    from phonenumbers import PhoneMetadata
    from phonenumbers.phonenumberutil import _VALID_PUNCTUATION

    lengths = []
    for region in regions:
        known = PhoneMetadata.metadata_for_region(region)
        if known is None or known.general_desc is None:
            raise UserError(f"params.yaml: curate.pii.regions: {region!r} is no country code")
        lengths.append(min(known.general_desc.possible_length))
    digits = rf"\d(?:[{_VALID_PUNCTUATION}]{{0,4}}\d){{{min(lengths, default=1) - 1}}}"
    return rf"[+\uff0b]|{digits}" if lengths else r"[+\uff0b]"


def join(results: list[Any]) -> Iterator[Span]:
    """Melt overlapping results into one span, so that no part of a value is left standing; it is
    named after the surest, then the longest of them."""
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


@lru_cache(maxsize=4)
def load_engine(entities: tuple[str, ...], regions: tuple[str, ...]) -> Any:
    """Presidio, imported when the first text needs it."""
    with hidden("torch", "transformers"):
        from lib.recognizers import build_engine
    return build_engine(list(entities), list(regions))


@contextmanager
def hidden(*names: str) -> Iterator[None]:
    """Let packages seem absent: presidio imports torch and transformers if it finds them, for
    engines that we do not use, and that costs five times its own start."""
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)
