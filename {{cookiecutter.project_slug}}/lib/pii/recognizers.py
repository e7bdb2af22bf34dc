"""Presidio's recognizers, and our own where those miss values or find false ones. No network.

Import this late and through lib.pii.redact: it costs more than a second.
"""

import logging
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import regex
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer, RecognizerResult
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    CryptoRecognizer,
    IpRecognizer,
    MacAddressRecognizer,
    UsSsnRecognizer,
)
from tldextract import TLDExtract

from lib.pii.phones import phone_recognizers

SIGN = r"[\w.!#$%&'*+/=?^`{|}~-]"  # of an address before the @
# To `re` an accent or vowel sign that is a character of its own ends a word; not to `regex`.
EMAIL = regex.compile(rf"(?<!{SIGN})(?:{SIGN}+)@((?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_][\w-]*)")
PRIVATE_DOMAINS = {"corp", "example", "home", "internal", "invalid", "lan", "local", "test"}
PADDED = re.compile(r"\d{3}(?:\.\d{3}){3}(?<!\.000)")  # 192.168.001.005
VERSION = re.compile(
    r"(?:\bversi[oó]n|\bver|\bv|\brelease|\bfirmware|版本?号?|固件)\W*$", re.IGNORECASE
)
AFTER_A_WORD = r"(?:(?<![\w:])|(?<=[0-9A-F]*[G-Z][0-9A-Z]*:))"  # `src:fe80::1`
IBAN_COUNTRIES = {  # by length, ISO 13616 registry
    15: "NO",
    16: "BE",
    18: "DK|FI|FK|FO|GL|NL|SD",
    19: "MK|SI",
    20: "AT|BA|EE|KZ|LT|LU|MN|XK",
    21: "CH|HR|LI|LV",
    22: "BG|BH|CR|DE|GB|GE|IE|ME|RS|VA",
    23: "AE|GI|IL|IQ|OM|SO|TL",
    24: "AD|CZ|ES|MD|PK|RO|SA|SE|SK|TN|VG",
    25: "LY|PT|ST",
    26: "IS|TR",
    27: "BI|DJ|FR|GR|IT|MC|MR|SM",
    28: "AL|AZ|BY|CY|DO|GT|HN|HU|LB|NI|PL",
    29: "BR|EG|PS|QA|UA",
    30: "JO|KW|MU|YE",
    31: "MT|SC",
    32: "LC",
    33: "RU",
}
ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999


class EmailRecognizer(EntityRecognizer):
    """Addresses of a domain that can exist, by the public suffixes that tldextract ships.

    Presidio's own takes `ana@example.org.Thanks` and `_ana@example.org_` whole, finds no such
    domain and drops both; here the end goes label by label until the domain is one.
    """

    suffixes = TLDExtract(suffix_list_urls=(), cache_dir=None)

    def __init__(self) -> None:
        super().__init__(supported_entities=["EMAIL_ADDRESS"])

    def load(self) -> None:
        """Nothing to load."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """One result for each address."""
        found = []
        for match in EMAIL.finditer(text):
            domain = self.domain(match[1])
            if domain:
                end = match.start(1) + len(domain)
                found.append(RecognizerResult("EMAIL_ADDRESS", match.start(), end, 1.0))
        return found

    def domain(self, text: str) -> str:
        """Return the longest start of a text that is a public domain or a private one."""
        while "." in text:
            last = text.rsplit(".", 1)[-1].lower()
            if self.suffixes(text).fqdn or last in PRIVATE_DOMAINS:
                return text
            text = re.sub(r"[-_.]*[^-_.]*$", "", text)
        return ""


class CardRecognizer(CreditCardRecognizer):
    """Payment cards in their issuers' groups, as the Luhn check digit confirms.

    Presidio's own misses Mastercards from 2221 and the 19 digits of China UnionPay, and finds
    article numbers of 13 digits.
    """

    START = r"(?<!\d)(?<!\d{4}[ -])"
    PATTERNS = [
        Pattern(
            "sixteen",
            START + r"(?:4\d|5\d|6\d|35|2[2-7])\d\d([ .-]?)\d{4}\1\d{4}\1\d{4}(?!\d)",
            0.5,
        ),
        Pattern("amex", START + r"3[47]\d\d([ .-]?)\d{6}\1\d{5}(?!\d)", 0.5),
        Pattern("diners", START + r"3[0689]\d\d([ .-]?)\d{6}\1\d{4}(?!\d)", 0.5),
        Pattern("unionpay", START + r"62\d\d([ -]?)\d{4}\1\d{4}\1\d{4}\1\d{3}(?!\d)", 0.5),
    ]

    def validate_result(self, pattern_text: str) -> bool:
        """Tell whether the last digit fits."""
        return super().validate_result(re.sub(r"\D", "", pattern_text))


class AnyCaseIbanRecognizer(PatternRecognizer):
    """Account numbers of every country's length, in any case, grouped or not.

    Presidio's own misses lower case, numbers that a word of four letters follows, and Portugal's.
    """

    def __init__(self) -> None:
        countries = "|".join(
            rf"(?:{names})\d\d(?:[ .-]?[A-Z0-9]){{{length - 4}}}"
            for length, names in IBAN_COUNTRIES.items()
        )
        number = rf"(?<![A-Z0-9])(?:{countries})(?![A-Z0-9])"
        super().__init__("IBAN_CODE", patterns=[Pattern("iban", number, 0.5)])

    def validate_result(self, pattern_text: str) -> bool:
        """Check digits as ISO 13616 makes them: 02 to 98, and the remainder is 1."""
        plain = re.sub("[ .-]", "", pattern_text)
        if not plain.isascii():  # without regard to case, an old s (U+017F) is an S
            return False
        remainder = int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97
        return remainder == 1 and 2 <= int(plain[2:4]) <= 98


class AddressRecognizer(IpRecognizer):
    """Internet addresses, after a colon too; not `version 1.2.3.4`, not a part of +41.79.123.40.79
    and not `bad::cafe`, which is C++."""

    PATTERNS = [
        Pattern(one.name, one.regex.replace(r"(?<![\w:])", AFTER_A_WORD), 0.6)
        for one in IpRecognizer.PATTERNS
        if one.score >= 0.6
    ]

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None, regex_flags: Any = None
    ) -> list[RecognizerResult]:
        """Presidio's results, less versions, names and parts of longer numbers."""
        found = super().analyze(text, entities, nlp_artifacts, regex_flags)
        return [one for one in found if self.whole(text, one.start, one.end)]

    def invalidate_result(self, pattern_text: str) -> bool:
        """Tell whether this is not an address.

        One whose parts have three digits each is, which Python denies where they begin with 0; but
        one that ends in .000 is an amount.
        """
        if PADDED.match(pattern_text):
            pattern_text = re.sub(r"\b0+(?=\d)", "", pattern_text)
        return super().invalidate_result(pattern_text)

    @staticmethod
    def whole(text: str, start: int, end: int) -> bool:
        """Tell whether there is a digit, and nothing around it that makes it something else."""
        return bool(
            re.search(r"\d", text[start:end])
            and not VERSION.search(text, max(0, start - 20), start)
            and not re.search(r"\d\.$|\+$", text[max(0, start - 2) : start])
            and not re.match(r"\.\d", text[end:])
        )


class HardwareAddressRecognizer(MacAddressRecognizer):
    """Addresses of network cards with a digit in them, as all but one in 100,000 have; `be-ad-ed`
    and so on are words."""

    def invalidate_result(self, pattern_text: str) -> bool:
        """Without a digit."""
        return super().invalidate_result(pattern_text) or not re.search(r"\d", pattern_text)


class CoinRecognizer(CryptoRecognizer):
    """Addresses of Bitcoin, by presidio, and of Ethereum."""

    PATTERNS = [
        *CryptoRecognizer.PATTERNS,
        Pattern("ethereum", r"(?<![0-9A-Z])0x[0-9a-f]{40}(?![0-9A-Z])", 0.7),
    ]

    def validate_result(self, pattern_text: str) -> bool | None:
        """Ethereum's check is in the case of its letters, which many programs lose: none here."""
        return None if pattern_text[:2].lower() == "0x" else super().validate_result(pattern_text)


class CnMobileRecognizer(PatternRecognizer):
    """Mobile numbers of mainland China: 1, then 3-9, eleven digits in all."""

    def __init__(self) -> None:
        code = r"(?:\(?(?:\+|00)?86\)?[- ]?)?"
        number = rf"{code}1[3-9]\d([-. ]?)\d{{4}}\1\d{{4}}"
        # no digit of a tracking number before or after, no price; 13812345678.0 is from a table
        alone = rf"(?<![\d.])(?<!\d[A-Z]{{1,4}}){number}(?!\d|\.\d*[1-9])"
        super().__init__("CN_MOBILE_NUMBER", patterns=[Pattern("cn mobile", alone, 0.6)])


class CnResidentIdRecognizer(PatternRecognizer):
    """Resident identity numbers: area, date of birth, order, check digit."""

    def __init__(self) -> None:
        number = r"(?<![0-9])[1-9]\d{5}([- ]?)(?:19|20)\d{6}\1\d{3}[0-9X](?![0-9A-Z])"
        super().__init__("CN_RESIDENT_ID", patterns=[Pattern("cn resident id", number, 0.5)])

    def validate_result(self, pattern_text: str) -> bool:
        """Tell whether the date exists and the check digit fits."""
        plain = re.sub("[ -]", "", pattern_text)
        try:
            datetime.strptime(plain[6:14], "%Y%m%d")
        except ValueError:
            return False
        digits = zip(plain[:17], ID_WEIGHTS, strict=True)
        total = sum(int(digit) * weight for digit, weight in digits)
        return "10X98765432"[total % 11] == plain[17].upper()


RECOGNIZERS: dict[str, Callable[[], EntityRecognizer]] = {
    "EMAIL_ADDRESS": EmailRecognizer,
    "CREDIT_CARD": CardRecognizer,
    "IBAN_CODE": AnyCaseIbanRecognizer,
    "US_SSN": UsSsnRecognizer,
    "IP_ADDRESS": AddressRecognizer,
    "MAC_ADDRESS": HardwareAddressRecognizer,
    "CRYPTO": CoinRecognizer,
    "CN_MOBILE_NUMBER": CnMobileRecognizer,
    "CN_RESIDENT_ID": CnResidentIdRecognizer,
}


def build_recognizers(entity: str, regions: list[str]) -> list[EntityRecognizer]:
    """Make the recognizers of one kind of personal data."""
    logging.getLogger("presidio-analyzer").propagate = False  # it logs values it could not check
    if entity == "PHONE_NUMBER":
        return phone_recognizers(regions)
    return [RECOGNIZERS[entity]()]
