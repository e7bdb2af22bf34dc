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

from lib.pii.gates import INTERNATIONAL, TRUNK, dialled_first, phone_conditions

ANY_REGION = "ZZ"  # phonenumbers' name for: only numbers that start with +
# Words before an order number, which may be as long as a phone number, and the start of a price.
NO_PHONE_AFTER = re.compile(
    r"(?:#|\b(?:order|ticket|invoice|pedido|art\.|kd)|[订单]号?)[\s#:._-]*(?:n[ro]\b)?[\s#:.]*$|\d[,.]$",
    re.IGNORECASE,
)
DIALLED = re.compile(rf"[^\w+]*{TRUNK}")
PLUS = re.compile(rf"[^\w+\uff0b]*(?=[+\uff0b]\(?\d){INTERNATIONAL}")
NO_PHONE = re.compile(  # a date, a postcode of the United States
    r"\d\d([./ -])\d\d\1(?:19|20)\d\d(?!\d)|\d{5}-\d{4}(?!\d)"
)


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
            and not NO_PHONE_AFTER.search(text, max(0, one.start - 20), one.start)
        ]


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
        found = [one for one in found if self.possible(dialled[one.start : one.end])]
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
    phones: list[EntityRecognizer] = [InternationalPhoneRecognizer()]
    if any(phonenumbers.country_code_for_region(region) == 1 for region in other):
        phones.append(NorthAmericanPhoneRecognizer())
    phones.append(TrunkPhoneRecognizer(trunk))
    phones.append(NationalPhoneRecognizer(other))
    return phones
