"""Personal data: found by presidio, replaced by placeholders such as <EMAIL_ADDRESS_1>.

Most text holds nothing that could be an e-mail address or a number. A regular expression of what
a value of some kind *must* contain tells so: presidio, which costs a thousand times more, is asked
only for the kinds whose gate a text passes, with the same result. Names and postal addresses are
not looked for.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from lib.errors import UserError
from lib.params.pii import PiiParams
from lib.text import UNSPACED

# What may stand between the digits of a phone number (as phonenumbers has it).
BETWEEN = (
    r"[-x\u2010-\u2015\u2212\u30fc\uff0d-\uff0f \u00a0\u00ad\u200b\u2060\u3000"
    r"()\uff08\uff09\uff3b\uff3d.\[\]/~\u2053\u223c\uff5e]{0,4}"
)
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
        conditions = NECESSARY | {"PHONE_NUMBER": phone_condition(params.regions)}
        self.gates = {
            entity: re.compile(conditions[entity], re.IGNORECASE) for entity in params.entities
        }
        self.find = lru_cache(maxsize=50_000)(self._find)  # copies cost nothing

    def _find(self, text: str) -> tuple[Span, ...]:
        """Spans in order, none overlapping. "电话138…" has no word boundary before the number, so
        letters that are written without spaces are looked at as spaces."""
        spaced = text if text.isascii() else UNSPACED_LETTER.sub(" ", text)
        possible = [entity for entity, gate in self.gates.items() if gate.search(spaced)]
        return tuple(join(self.analyze(spaced, possible))) if possible else ()

    def analyze(self, text: str, entities: Sequence[str]) -> list[Any]:
        """Presidio's results for these entities."""
        engine = load_engine(tuple(self.params.entities), tuple(self.params.regions))
        score = self.params.score
        return engine.analyze(text, "en", list(entities), score_threshold=score)


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


def dialled_first(region: str) -> tuple[str, int]:
    """What is dialled before a national number (0, 1, nothing); digits of the shortest one."""
    from phonenumbers import PhoneMetadata

    numbers = PhoneMetadata.metadata_for_region(region)
    if numbers is None or numbers.general_desc is None:
        raise UserError(f"params.yaml: curate.pii.regions: {region!r} is no country code")
    return numbers.national_prefix or "", min(numbers.general_desc.possible_length)


def phone_condition(regions: list[str]) -> str:
    """A plus and digits, a 0 that starts a number, or the digits of the shortest without one."""
    conditions = [rf"[+\uff0b]{BETWEEN}{BETWEEN}(?:{BETWEEN}\d){{5}}"]
    for prefix, digits in map(dialled_first, regions):
        conditions.append(
            rf"(?<!\d)0(?:{BETWEEN}\d){{4}}"
            if prefix == "0"
            else rf"\d(?:{BETWEEN}\d){{{digits - 1}}}"
        )
    return "|".join(dict.fromkeys(conditions))


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
