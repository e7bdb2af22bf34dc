"""Presidio with the recognizers we want, no language model and no network.

Import this late and through lib.pii: it costs more than a second.
"""

import logging
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from presidio_analyzer import (
    AnalyzerEngine,
    EntityRecognizer,
    Pattern,
    PatternRecognizer,
    RecognizerResult,
)
from presidio_analyzer.nlp_engine import NoOpNlpEngine
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    CryptoRecognizer,
    EmailRecognizer,
    IbanRecognizer,
    IpRecognizer,
    MacAddressRecognizer,
    PhoneRecognizer,
    UsSsnRecognizer,
)
from presidio_analyzer.recognizer_registry import RecognizerRegistry
from tldextract import TLDExtract

from lib.pii import dialled_first

LANGUAGE = "en"  # the patterns below hold in any language; presidio wants a name
ANY_REGION = "ZZ"  # phonenumbers' name for: only numbers that start with +
DIALLED = re.compile(r"\W*[+\uff0b0]")
PRIVATE_DOMAINS = {"corp", "example", "home", "internal", "invalid", "lan", "local", "test"}
ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999


class OfflineEmailRecognizer(EmailRecognizer):
    """Presidio's, with the public suffixes it ships and not those of the network."""

    suffixes = TLDExtract(suffix_list_urls=(), cache_dir=None)

    def validate_result(self, pattern_text: str) -> bool | None:
        """True: a public domain. None (leave the score): one that companies use inside."""
        if self.suffixes(pattern_text).fqdn:
            return True
        return None if pattern_text.rsplit(".", 1)[-1].lower() in PRIVATE_DOMAINS else False


class TrunkPhoneRecognizer(PhoneRecognizer):
    """For countries where a 0 is dialled first: only numbers with it, or with a plus. Without this
    any five digits are a German phone number."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """Presidio's results, less those that nobody would dial."""
        found = super().analyze(text, entities, nlp_artifacts)
        return [one for one in found if DIALLED.match(text, one.start)]


class CnMobileRecognizer(PatternRecognizer):
    """Mobile numbers of mainland China: 1, then 3-9, eleven digits in all."""

    def __init__(self) -> None:
        number = r"(?<![\d.])(?:(?:\+|00)?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\.?\d)"
        super().__init__("CN_MOBILE_NUMBER", patterns=[Pattern("cn mobile", number, 0.6)])


class CnResidentIdRecognizer(PatternRecognizer):
    """Resident identity numbers: area, date of birth, order, check digit."""

    def __init__(self) -> None:
        number = r"(?<![0-9A-Za-z])[1-9]\d{5}(?:19|20)\d{9}[0-9X](?![0-9A-Za-z])"
        super().__init__("CN_RESIDENT_ID", patterns=[Pattern("cn resident id", number, 0.5)])

    def validate_result(self, pattern_text: str) -> bool:
        """The date must exist and the check digit must fit."""
        try:
            datetime.strptime(pattern_text[6:14], "%Y%m%d")
        except ValueError:
            return False
        digits = zip(pattern_text[:17], ID_WEIGHTS, strict=True)
        total = sum(int(digit) * weight for digit, weight in digits)
        return "10X98765432"[total % 11] == pattern_text[17].upper()


RECOGNIZERS: dict[str, Callable[[], EntityRecognizer]] = {
    "EMAIL_ADDRESS": OfflineEmailRecognizer,
    "CREDIT_CARD": CreditCardRecognizer,
    "IBAN_CODE": IbanRecognizer,
    "US_SSN": UsSsnRecognizer,
    "IP_ADDRESS": IpRecognizer,
    "MAC_ADDRESS": MacAddressRecognizer,
    "CRYPTO": CryptoRecognizer,
    "CN_MOBILE_NUMBER": CnMobileRecognizer,
    "CN_RESIDENT_ID": CnResidentIdRecognizer,
}


def build_engine(entities: list[str], regions: list[str]) -> AnalyzerEngine:
    """An engine that looks for these entities and nothing else."""
    logging.getLogger("presidio-analyzer").propagate = False  # it logs values it could not check
    registry = RecognizerRegistry(supported_languages=[LANGUAGE])
    for entity in entities:
        if entity == "PHONE_NUMBER":
            trunk = [region for region in regions if dialled_first(region)[0] == "0"]
            plain = [region for region in regions if region not in trunk] or [ANY_REGION]
            registry.add_recognizer(TrunkPhoneRecognizer(supported_regions=trunk))
            registry.add_recognizer(PhoneRecognizer(supported_regions=plain))
        else:
            registry.add_recognizer(RECOGNIZERS[entity]())
    nlp = NoOpNlpEngine(models=[{"lang_code": LANGUAGE, "model_name": "none"}])
    return AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=[LANGUAGE])
