"""Recognize phone numbers with presidio and phonenumbers, and tell them from other numbers.

Dates, postcodes and order numbers do not count; some numbers that phonenumbers is too strict for
do.

Import this late and through lib.pii.redact: it costs more than a second.
"""

import re
from collections.abc import Sequence
from typing import Any

import phonenumbers
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer, RecognizerResult
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

from lib.pii.gates import BETWEEN, INTERNATIONAL, TRUNK, dialled_first, phone_conditions
from lib.pii.words import COUNTED, is_announced, is_other

ANY_REGION = "ZZ"  # phonenumbers' region for numbers that start with +
DIALLED = re.compile(rf"[^\w+]*{TRUNK}")
PLUS = re.compile(rf"[^\w+\uff0b]*(?=[+\uff0b]\(?\d){INTERNATIONAL}")
NO_PHONE = re.compile(  # also after a bracket
    r"\D*(?:[012]?\d|3[01])([./ -])(?:[012]?\d|3[01])\1"  # a date ...
    r"(?:(?:19|20)\d\d(?!\d)|\d\d(?!\d|\1\d))|"
    r"\D*(?:19|20)\d\d([./-])[01]?\d\2[0-3]?\d(?!\d)|"
    r"\D*\d{5}-\d{4}(?!\d)|"  # a US ZIP code
    r"\d{1,3}(?:\.\d{1,3}){3}(?![.\d])|\d+(?:\.\d+)*\.\d\.\d|"  # an IP address, a version
    r"(?:97[89]-)?\d{1,5}-\d{1,7}-\d{1,7}-[\dX]\b|"  # a book
    r"\d{1,3}(?:[ .]000)+(?!\d)|\d{5,}\.\d+(?!\.?\d)"  # a round number or a decimal
)
_PART = re.compile(r"-[A-Z]\b")  # after a part number
_GROUPED = re.compile(r"\d\D+\d")
_LINKED = re.compile(r" ?(?:,|;|/|\b(?:or|and|oder|und|o|y|e|ou|et|alt)\b|[或和、]) ?")
_NUMBER = re.compile(rf"(?<!\d)(?<!\d[.,])\(?\d(?:{BETWEEN}\d){{5,16}}")


class NationalPhoneRecognizer(PhoneRecognizer):
    """Recognizes national phone numbers; not dates, postcodes and order numbers."""

    def __init__(self, regions: list[str]) -> None:
        conditions = "|".join(phone_conditions(regions))
        self.gate = re.compile(conditions)
        self.long_enough = re.compile(rf"\D*(?:{conditions})")
        super().__init__(supported_regions=regions)

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """Return presidio's results without dates, postcodes and other numbers."""
        if not self.gate.search(text):
            return []
        found = super().analyze(text, entities, nlp_artifacts)
        return [
            one
            for one in found
            if self.long_enough.match(text, one.start, one.end)
            and not NO_PHONE.match(text, one.start)
            and not text[one.end : one.end + 1].isdigit()
            and is_phone(text, one.start, one.end)
        ]


def is_phone(text: str, start: int, end: int) -> bool:
    """Tell whether a possible national number is meant as a phone number.

    Bare digits may be anything: they are a phone number after a word that announces one, as the
    whole text, or with a leading 0.
    """
    if is_announced(text, start, end):
        return True
    if is_other(text, start, end) or _PART.match(text, end):
        return False
    number = text[start:end]
    return bool(_GROUPED.search(number)) or number.startswith("0") or text.strip() == number


class TrunkPhoneRecognizer(NationalPhoneRecognizer):
    """Recognizes national numbers with a trunk prefix 0, of seven digits or more.

    Without the 0 any five digits would be a German phone number.
    """

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """Return the national numbers that start with the trunk prefix."""
        found = super().analyze(text, entities, nlp_artifacts)
        return [one for one in found if DIALLED.match(text, one.start)]


class NorthAmericanPhoneRecognizer(PatternRecognizer):
    """Recognizes North American numbers by their groups 3-3-4, even with an unknown area code."""

    def __init__(self) -> None:
        number = r"(?<![\w.-])(?:\(\d{3}\) ?|\d{3}([-. ]))\d{3}[-. ]\d{4}(?:x\d+)?(?!\w|-\d)"
        super().__init__("PHONE_NUMBER", patterns=[Pattern("north american", number, 0.4)])

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None, regex_flags: Any = None
    ) -> list[RecognizerResult]:
        """Return presidio's results without order numbers and the like."""
        found = super().analyze(text, entities, nlp_artifacts, regex_flags)
        return [one for one in found if is_phone(text, one.start, one.end)]


class AnnouncedPhoneRecognizer(EntityRecognizer):
    """Recognizes numbers of six digits or more that nearby words announce as phone numbers.

    These are local numbers, and those of countries that curate.pii.regions does not list."""

    def __init__(self) -> None:
        super().__init__(supported_entities=["PHONE_NUMBER"])

    def load(self) -> None:
        """Load nothing."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """Return announced numbers, and those joined to them by `or` or a comma."""
        found: list[RecognizerResult] = []
        for match in _NUMBER.finditer(text):
            start, end = match.span()
            linked = found and _LINKED.fullmatch(text, found[-1].end, start)
            if self.possible(match[0], text, end) and (linked or is_announced(text, start, end)):
                found.append(RecognizerResult("PHONE_NUMBER", start, end, 0.4))
        return found

    @staticmethod
    def possible(number: str, text: str, end: int) -> bool:
        """Tell whether a number is long enough and is not a date, a price or a count."""
        digits = sum(map(str.isdigit, number))
        enough = digits > 6 or bool(_GROUPED.search(number))
        return enough and not NO_PHONE.match(number) and not COUNTED.match(text, end)


class InternationalPhoneRecognizer(PhoneRecognizer):
    """Recognizes numbers with + or 00, a country code and a length that is possible there.

    The area code need not exist: invented and new numbers are meant as phone numbers, too.
    """

    def __init__(self) -> None:
        super().__init__(supported_regions=[ANY_REGION], leniency=0)

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """Return presidio's results of a possible length."""
        # phonenumbers knows only +; 00 needs separators, otherwise it may be an order number
        dialled = re.sub(r"(?<!\d)(?<!\d[.,/-])00(?=[1-9]\d{0,2}[ (/.-])", " +", text)
        if not re.search(INTERNATIONAL, dialled):
            return []
        found = super().analyze(dialled, entities, nlp_artifacts)
        found = [
            one
            for one in found
            if self.possible(dialled[one.start : one.end])
            and not dialled[max(0, one.start - 1) : one.start].isdigit()  # 157000+499000
        ]
        for one in found:
            if text.startswith("00", one.start - 1):
                one.start -= 1
        return found

    @staticmethod
    def possible(number: str) -> bool:
        if not PLUS.match(number):
            return False
        parsed = phonenumbers.parse(number, ANY_REGION)
        reason = phonenumbers.is_possible_number_with_reason(parsed)
        return reason == phonenumbers.ValidationResult.IS_POSSIBLE


def dialled_from_anywhere(number: str, regions: Sequence[str]) -> str:
    """Normalize a phone number to E.164, or "" where that is impossible.

    It may start with + or 00 and a country code, or be a national number of one of the regions; the
    first region that has such numbers counts.
    """
    number = re.sub(r"^\D*00(?=[1-9])", "+", number)
    trunk = bool(re.match(r"\D*0", number))
    possible = [region for region in regions if (dialled_first(region)[0] == "0") == trunk]
    for fits in (phonenumbers.is_valid_number, phonenumbers.is_possible_number):
        for region in (*possible, ANY_REGION):
            try:
                parsed = phonenumbers.parse(number, region)
            except phonenumbers.NumberParseException:
                continue
            if fits(parsed):
                form = phonenumbers.PhoneNumberFormat.E164
                return f"{phonenumbers.format_number(parsed, form)}x{parsed.extension or ''}"
    return ""


def phone_recognizers(regions: list[str]) -> list[EntityRecognizer]:
    """Build the recognizers of international numbers and of the national numbers of the regions."""
    trunk = [region for region in regions if dialled_first(region)[0] == "0"]
    other = [region for region in regions if region not in trunk]
    phones: list[EntityRecognizer] = [InternationalPhoneRecognizer(), AnnouncedPhoneRecognizer()]
    if any(phonenumbers.country_code_for_region(region) == 1 for region in other):
        phones.append(NorthAmericanPhoneRecognizer())
    phones.append(TrunkPhoneRecognizer(trunk))
    phones.append(NationalPhoneRecognizer(other))
    return phones
