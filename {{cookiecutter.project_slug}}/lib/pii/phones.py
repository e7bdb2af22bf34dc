"""Recognize phone numbers with presidio and phonenumbers; not dates, postcodes and order numbers,
but also numbers for which phonenumbers is too strict.

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

ANY_REGION = "ZZ"  # phonenumbers' name for: only numbers that start with +
DIALLED = re.compile(rf"[^\w+]*{TRUNK}")
PLUS = re.compile(rf"[^\w+\uff0b]*(?=[+\uff0b]\(?\d){INTERNATIONAL}")
NO_PHONE = re.compile(  # also after a bracket
    r"\D*(?:[012]?\d|3[01])([./ -])(?:[012]?\d|3[01])\1"  # a date ...
    r"(?:(?:19|20)\d\d(?!\d)|\d\d(?!\d|\1\d))|"
    r"\D*(?:19|20)\d\d([./-])[01]?\d\2[0-3]?\d(?!\d)|"
    r"\D*\d{5}-\d{4}(?!\d)|"  # a postcode of the United States
    r"\d{1,3}(?:\.\d{1,3}){3}(?![.\d])|\d+(?:\.\d+)*\.\d\.\d|"  # an internet address, a version
    r"(?:97[89]-)?\d{1,5}-\d{1,7}-\d{1,7}-[\dX]\b|"  # a book
    r"\d{1,3}(?:[ .]000)+(?!\d)|\d{5,}\.\d+(?!\.?\d)"  # a round or a broken number
)
_PART = re.compile(r"-[A-Z]\b")  # after a part's number
_GROUPED = re.compile(r"\d\D+\d")
_LINKED = re.compile(r" ?(?:,|;|/|\b(?:or|and|oder|und|o|y|e|ou|et|alt)\b|[或和、]) ?")
_NUMBER = re.compile(rf"(?<!\d)(?<!\d[.,])\(?\d(?:{BETWEEN}\d){{5,16}}")


class NationalPhoneRecognizer(PhoneRecognizer):
    """Recognize numbers as dialed inside their country; not dates, postcodes and order numbers."""

    def __init__(self, regions: list[str]) -> None:
        conditions = "|".join(phone_conditions(regions))
        self.gate = re.compile(conditions)
        self.long_enough = re.compile(rf"\D*(?:{conditions})")
        super().__init__(supported_regions=regions)

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """Return presidio's results without those that are something else."""
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
    """Tell whether a possible number inside a country is meant as one for phones.

    Digits alone may count anything: they are a phone number after a word that says so, as all of
    a text, or with a 0 before them.
    """
    if is_announced(text, start, end):
        return True
    if is_other(text, start, end) or _PART.match(text, end):
        return False
    number = text[start:end]
    return bool(_GROUPED.search(number)) or number.startswith("0") or text.strip() == number


class TrunkPhoneRecognizer(NationalPhoneRecognizer):
    """Recognize numbers of countries where a 0 is dialed first: with it, of seven digits or more.

    Without this any five digits are a German phone number.
    """

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """Return national numbers that start as they are dialed."""
        found = super().analyze(text, entities, nlp_artifacts)
        return [one for one in found if DIALLED.match(text, one.start)]


class NorthAmericanPhoneRecognizer(PatternRecognizer):
    """Recognize North American numbers by their groups 3-3-4, even if no such area exists."""

    def __init__(self) -> None:
        number = r"(?<![\w.-])(?:\(\d{3}\) ?|\d{3}([-. ]))\d{3}[-. ]\d{4}(?:x\d+)?(?!\w|-\d)"
        super().__init__("PHONE_NUMBER", patterns=[Pattern("north american", number, 0.4)])

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None, regex_flags: Any = None
    ) -> list[RecognizerResult]:
        """Return results that are not the numbers of things."""
        found = super().analyze(text, entities, nlp_artifacts, regex_flags)
        return [one for one in found if is_phone(text, one.start, one.end)]


class AnnouncedPhoneRecognizer(EntityRecognizer):
    """Recognize numbers of six digits or more where the words around them say that they are for
    phones: local numbers, and those of countries that no region of params names."""

    def __init__(self) -> None:
        super().__init__(supported_entities=["PHONE_NUMBER"])

    def load(self) -> None:
        """Load nothing."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """Return announced numbers, and those that `or` or a comma joins to them."""
        found: list[RecognizerResult] = []
        for match in _NUMBER.finditer(text):
            start, end = match.span()
            linked = found and _LINKED.fullmatch(text, found[-1].end, start)
            if self.possible(match[0], text, end) and (linked or is_announced(text, start, end)):
                found.append(RecognizerResult("PHONE_NUMBER", start, end, 0.4))
        return found

    @staticmethod
    def possible(number: str, text: str, end: int) -> bool:
        """Tell whether a number is not too short, no date, no price and no count."""
        digits = sum(map(str.isdigit, number))
        enough = digits > 6 or bool(_GROUPED.search(number))
        return enough and not NO_PHONE.match(number) and not COUNTED.match(text, end)


class InternationalPhoneRecognizer(PhoneRecognizer):
    """Recognize numbers with + or 00, a country's code and a length possible there.

    Their area need not exist: invented and new numbers are meant as phone numbers, too.
    """

    def __init__(self) -> None:
        super().__init__(supported_regions=[ANY_REGION], leniency=0)

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """Return presidio's results of a possible length."""
        # phonenumbers knows + only; a 00 needs something between the digits to be no order number
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
    """Normalize a phone number to E.164, or to an empty string where that is impossible.

    It may be written with + or 00 and its country, or as dialed in one of the regions; the first
    that has such numbers counts.
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
    """Make the recognizers of international numbers, and of the regions' own as dialed there."""
    trunk = [region for region in regions if dialled_first(region)[0] == "0"]
    other = [region for region in regions if region not in trunk]
    phones: list[EntityRecognizer] = [InternationalPhoneRecognizer(), AnnouncedPhoneRecognizer()]
    if any(phonenumbers.country_code_for_region(region) == 1 for region in other):
        phones.append(NorthAmericanPhoneRecognizer())
    phones.append(TrunkPhoneRecognizer(trunk))
    phones.append(NationalPhoneRecognizer(other))
    return phones
