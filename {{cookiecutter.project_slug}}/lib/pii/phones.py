"""Phone numbers: presidio's recognizer, which asks phonenumbers, less what is no number and with
those that phonenumbers is too strict for.

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
# What stands before an order's number, which may be as long as a phone number, and in a price.
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
    """Numbers as dialled inside their country; not dates, postcodes and order numbers."""

    def __init__(self, regions: list[str]) -> None:
        conditions = "|".join(phone_conditions(regions))
        self.gate = re.compile(conditions)
        self.long_enough = re.compile(rf"\D*(?:{conditions})")
        super().__init__(supported_regions=regions)

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """Presidio's results, less those that are something else."""
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
    """For countries where a 0 is dialled first: only numbers of seven digits or more that start
    with it. Without this any five digits are a German phone number."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """National numbers, less those that nobody would dial."""
        found = super().analyze(text, entities, nlp_artifacts)
        return [one for one in found if DIALLED.match(text, one.start)]


class NorthAmericanPhoneRecognizer(PatternRecognizer):
    """Numbers grouped 3-3-4 as North America does, of area codes that do not exist too."""

    def __init__(self) -> None:
        number = r"(?<![\w.-])(?:\(\d{3}\) ?|\d{3}([-. ]))\d{3}[-. ]\d{4}(?:x\d+)?(?!\w|-\d)"
        super().__init__("PHONE_NUMBER", patterns=[Pattern("north american", number, 0.4)])


class InternationalPhoneRecognizer(PhoneRecognizer):
    """Numbers with + or 00 and a country's code that are as long as that country's can be, though
    no such area may be known: invented and new numbers are none the less meant as numbers."""

    def __init__(self) -> None:
        super().__init__(supported_regions=[ANY_REGION], leniency=0)

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """Presidio's results of the right length."""
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
    """The one form (E.164) of a number that may be written in many: with + or 00 and the country,
    or as dialled in the first of the regions that has such numbers. Nothing where there is none."""
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
    """International numbers, and those of the regions as dialled there."""
    trunk = [region for region in regions if dialled_first(region)[0] == "0"]
    other = [region for region in regions if region not in trunk]
    phones: list[EntityRecognizer] = [InternationalPhoneRecognizer()]
    if any(phonenumbers.country_code_for_region(region) == 1 for region in other):
        phones.append(NorthAmericanPhoneRecognizer())
    phones.append(TrunkPhoneRecognizer(trunk))
    phones.append(NationalPhoneRecognizer(other))
    return phones
