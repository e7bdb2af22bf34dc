"""Build the recognizers: presidio's, and our own where those miss values or give false alarms.

None uses the network. Import this late and through lib.pii.redact: it costs
more than a second.
"""

import logging
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from presidio_analyzer import (
    EntityRecognizer,
    Pattern,
    PatternRecognizer,
    RecognizerResult,
    predefined_recognizers,
)
from presidio_analyzer.predefined_recognizers import UsSsnRecognizer

from lib.pii.accounts import AnyCaseIbanRecognizer, CardRecognizer, CoinRecognizer
from lib.pii.addresses import AddressRecognizer, EmailRecognizer, HardwareAddressRecognizer
from lib.pii.phones import phone_recognizers
from lib.pii.words import CN_OTHER, COUNTED, before

ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999


class SocialSecurityRecognizer(UsSsnRecognizer):
    """Recognizes US social security numbers in three groups with any separator.

    Without separators they count after a word that announces one."""

    PATTERNS = [
        Pattern(
            "groups",
            r"\b\d{3}(?:[ \r\n]?([-._/\u00b7])[ \r\n]?\d{2}[ \r\n]?\1[ \r\n]?| \d{2} )\d{4}\b",
            0.5,
        ),
        Pattern(
            "announced",
            r"(?<=\b(?:ssns?|social security(?: (?:number|no\.?|nr\.?|#))?)\W{0,3}(?:is )?)\d{9}\b",
            0.5,
        ),
    ]

    def invalidate_result(self, pattern_text: str) -> bool:
        """Reject numbers that are never issued."""
        digits = re.sub(r"\D", "", pattern_text)
        return bool(super().invalidate_result(f"{digits[:3]}-{digits[3:5]}-{digits[5:]}"))


class CnMobileRecognizer(PatternRecognizer):
    """Recognizes mobile numbers of mainland China: 1, then 3-9, eleven digits in all."""

    def __init__(self) -> None:
        code = r"(?:\(?(?:\+|00)?86\)?[- ]?(?:\(0\) ?)?)?"
        prefix = r"1(?:3\d|4[5-9]|5[0-35-9]|6[2567]|7[0-8]|8\d|9[0-35-9])"
        number = rf"{code}{prefix}[-. ]?(?:\d{{4}}[-. ]?\d{{4}}|\d{{3}}[-. ]?\d{{5}})"
        # not inside a tracking number, not a price; 13812345678.0 is from a table
        alone = rf"(?<![\d.])(?<!\d[A-Z]{{1,4}}){number}(?!\d|\.\d*[1-9])"
        # +1 381 ... is a number of another country if it is possible there: those score 0.4
        abroad = r"\+|(?:\+|\b00)\d{1,3}[- ().0]{0,5}|wa\.me/\+?"
        super().__init__(
            "CN_MOBILE_NUMBER",
            patterns=[
                Pattern("cn mobile", rf"(?<!{abroad}){alone}", 0.6),
                Pattern("cn mobile after a country", rf"(?<={abroad}){alone}", 0.38),
            ],
        )

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None, regex_flags: Any = None
    ) -> list[RecognizerResult]:
        """Return presidio's results without order numbers and counts."""
        return [
            one
            for one in super().analyze(text, entities, nlp_artifacts, regex_flags)
            if not before(CN_OTHER, text, one.start) and not COUNTED.match(text, one.end)
        ]


class CnResidentIdRecognizer(PatternRecognizer):
    """Recognizes Chinese resident ids: area, date of birth, sequence, check digit."""

    def __init__(self) -> None:
        number = r"(?<![0-9])[1-9]\d{5}([- ]?)(?:19|20)\d{6}\1\d{3}[0-9X](?![0-9A-Z])"
        super().__init__("CN_RESIDENT_ID", patterns=[Pattern("cn resident id", number, 0.5)])

    def validate_result(self, pattern_text: str) -> bool:
        """Verify the date of birth and the check digit."""
        plain = re.sub("[ -]", "", pattern_text)
        try:
            datetime.strptime(plain[6:14], "%Y%m%d")
        except ValueError:
            return False
        digits = zip(plain[:17], ID_WEIGHTS, strict=True)
        total = sum(int(digit) * weight for digit, weight in digits)
        return "10X98765432"[total % 11] == plain[17].upper()


OTHER_NAMES = {"SG_NRIC_FIN": "SgFin", "UK_NHS": "Nhs"}  # of presidio's classes
RECOGNIZERS: dict[str, Callable[[], EntityRecognizer]] = {
    "EMAIL_ADDRESS": EmailRecognizer,
    "CREDIT_CARD": CardRecognizer,
    "IBAN_CODE": AnyCaseIbanRecognizer,
    "US_SSN": SocialSecurityRecognizer,
    "IP_ADDRESS": AddressRecognizer,
    "MAC_ADDRESS": HardwareAddressRecognizer,
    "CRYPTO": CoinRecognizer,
    "CN_MOBILE_NUMBER": CnMobileRecognizer,
    "CN_RESIDENT_ID": CnResidentIdRecognizer,
}


def build_recognizers(entity: str, regions: list[str]) -> list[EntityRecognizer]:
    """Build the recognizers of one kind of personal data, such as CREDIT_CARD."""
    logging.getLogger(
        "presidio-analyzer"
    ).propagate = False  # it logs values that it could not check
    if entity == "PHONE_NUMBER":
        return phone_recognizers(regions)
    return [RECOGNIZERS[entity]() if entity in RECOGNIZERS else presidio_s_own(entity)]


def presidio_s_own(entity: str) -> EntityRecognizer:
    """Build presidio's own recognizer of a national id, such as UK_NHS."""
    found = OTHER_NAMES.get(entity) or "".join(map(str.capitalize, entity.split("_")))
    return getattr(predefined_recognizers, f"{found}Recognizer")()
