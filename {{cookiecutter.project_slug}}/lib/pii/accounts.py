"""Recognize payment cards, IBANs and cryptocurrency addresses by their check digits.

Import this late and through lib.pii.redact: presidio costs more than a second.
"""

import re
from itertools import accumulate, cycle, pairwise
from typing import Any

from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer, RecognizerResult
from presidio_analyzer.predefined_recognizers import CryptoRecognizer

from lib.pii.gates import CARD_RUN, IBAN_BETWEEN
from lib.pii.words import CARD, NEAR, is_other

GROUP = re.compile(r"\d+")
# Leading digits of an issuer's cards, and the possible numbers of digits (ISO/IEC 7812; wider than
# issuers' lists for 35, 5 and 6 of 16 digits, since new ranges are added every year).
ISSUERS = [
    (re.compile(start), lengths)
    for start, lengths in {
        r"4": {13, 16, 19},  # Visa
        r"5|6": {16},  # Mastercard, Discover, RuPay, Elo, Verve, ...
        r"22(?:0[0-4]|2[1-9]|[3-9])|2[3-6]|27[01]|2720": {16},  # Mir, Mastercard
        r"220[0-4]": {17, 18, 19},  # Mir
        r"3[47]": {15},  # American Express
        r"30|3[689]": {14, 16, 17, 18, 19},  # Diners
        r"1800|2131": {15},  # JCB
        r"35": {16, 17, 18, 19},  # JCB
        r"50|5[6-8]|6": {12, 13, 14, 15, 17, 18, 19},  # Maestro, Discover, UnionPay
        r"0604": {12},  # Maestro
        r"8[12]|9792": {16},  # UnionPay, RuPay, Troy
        r"81": {17, 18, 19},
    }.items()
]
_COMMON = {15, 16}  # digits; other lengths are just as common for parcels and articles
EVEN = {4, 5, 6, 8}  # digits per group, except the last
UNEVEN = {(4, 6, 5), (4, 6, 4), (4, 5, 6), (6, 10), (6, 13), (4, 6, 6), (6, 7)}
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
IBAN_DIGITS = 7  # at least: in sentences there are letters instead
FEWEST_DIGITS = (
    4  # where written in capitals and groups of four, as banks print IBANs of LU, SA, GB, MT
)
PRINTED = re.compile(r"[A-Z]{2}\d\d(?:[A-Z0-9]+|(?:[\W_]+[A-Z0-9]{4})+(?:[\W_]+[A-Z0-9]{1,3})?)")


class CardRecognizer(EntityRecognizer):
    """Recognizes payment cards: 12 to 19 digits, any separators, confirmed by the Luhn check digit.

    Presidio's own recognizer misses 12 and 19 digits, Mastercards from 2221 and most separators,
    and reports article numbers of 13 digits.
    """

    def __init__(self) -> None:
        super().__init__(supported_entities=["CREDIT_CARD"])

    def load(self) -> None:
        """Load nothing."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """Return a result for each card in a text."""
        return [
            RecognizerResult("CREDIT_CARD", start, end, 1.0)
            for run in CARD_RUN.finditer(text)
            for start, end in cards(text, *run.span())
        ]


def cards(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """List the spans of cards in text[start:end]: from the left, the longest first."""
    groups = [found.span() for found in GROUP.finditer(text, start, end)]
    found, at = [], 0
    while at < len(groups):
        lengths = accumulate(b - a for a, b in groups[at : at + 19])
        ends = [at + place for place, length in enumerate(lengths) if 12 <= length <= 19]
        last = next((one for one in reversed(ends) if is_card(text, groups, at, one)), None)
        if last is not None:
            found.append((groups[at][0], groups[last][1]))
            at = last
        at += 1
    return found


def is_card(text: str, groups: list[tuple[int, int]], first: int, last: int) -> bool:
    """Tell whether groups of digits (their spans, first to last) form a card number."""
    start, end = groups[first][0], groups[last][1]
    digits = "".join(text[a:b] for a, b in groups[first : last + 1])
    return (
        any(len(digits) in lengths and issuer.match(digits) for issuer, lengths in ISSUERS)
        and luhn(digits)
        and stands_alone(text, groups, first, last)
        and (len(digits) in _COMMON or not is_thing(text, digits, start, end))
    )


def is_thing(text: str, digits: str, start: int, end: int) -> bool:
    """Tell from nearby words or letters whether a number of unusual length is no card."""
    if CARD.search(text, max(0, start - NEAR), start):
        return False
    part = text[max(0, start - 1) : start].isalpha() or text[end : end + 1].isalpha()
    return part or is_other(text, start, end) or (len(digits) == 13 and is_article(digits))


def luhn(digits: str) -> bool:
    """Verify the Luhn check digit, the last one (ISO/IEC 7812-1, annex B)."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[::-2])) + sum(doubled)) % 10 == 0


def is_article(digits: str) -> bool:
    """Verify the last digit as the check digit of an article number (EAN-13)."""
    return sum(int(digit) * weight for digit, weight in zip(digits[::-1], cycle((1, 3)))) % 10 == 0


def stands_alone(text: str, groups: list[tuple[int, int]], first: int, last: int) -> bool:
    """Tell whether groups stand alone, not as part of a longer number or a table."""
    sizes = tuple(b - a for a, b in groups[first : last + 1])
    gaps = [text[a[1] : b[0]] for a, b in pairwise(groups)]
    inside, left = gaps[first:last], gaps[first - 1] if first else ""
    right = gaps[last] if last < len(gaps) else ""
    if not inside:
        broken = right == "." and int(text[slice(*groups[last + 1])])  # 4111111111111111.0 is not
        return left != "." and not broken
    first_sizes = set(sizes[:-1])
    even = len(first_sizes) == 1 and sizes[-1] <= sizes[0] + 1
    if sum("\n" in gap for gap in inside) > 1 or max(first_sizes) < min(EVEN):
        alone = len(set(inside)) == 1 and not {left, right} & {*inside, "."}
        return alone and (even or sizes in UNEVEN)
    if left in inside and _size(groups[first - 1]) >= 4:
        return False
    follows = right in inside and _size(groups[last + 1]) >= 4
    return (not follows or sum(sizes) in _COMMON) and (
        sizes in UNEVEN or (even and first_sizes <= EVEN)
    )


def _size(group: tuple[int, int]) -> int:
    """Return the number of digits in a group."""
    return group[1] - group[0]


class AnyCaseIbanRecognizer(PatternRecognizer):
    """Recognizes IBANs of every country's length, in any case and grouping, across line ends.

    Presidio's own recognizer misses lower case, numbers followed by a word of four letters, and
    Portuguese IBANs.
    """

    def __init__(self) -> None:
        countries = "|".join(
            rf"(?:{names}|(?-i:{names}) )\d\d(?:{IBAN_BETWEEN}[A-Z0-9]){{{length - 4}}}"
            for length, names in IBAN_COUNTRIES.items()
        )
        number = rf"(?:(?<![A-Z0-9])|(?<=IBAN))(?:{countries})(?![A-Z0-9])"
        super().__init__("IBAN_CODE", patterns=[Pattern("iban", number, 0.5)])

    def validate_result(self, pattern_text: str) -> bool:
        """Verify the check digits by ISO 13616: 02 to 98, and the number modulo 97 is 1."""
        plain = re.sub(r"[\W_]", "", pattern_text)
        if not plain.isascii():  # when case is ignored, a long s (U+017F) matches S
            return False
        remainder = int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97
        digits = sum(map(str.isdigit, plain))
        fewest = FEWEST_DIGITS if PRINTED.fullmatch(pattern_text) else IBAN_DIGITS
        return remainder == 1 and 2 <= int(plain[2:4]) <= 98 and digits >= fewest


class CoinRecognizer(CryptoRecognizer):
    """Recognizes Bitcoin addresses, with presidio, and Ethereum addresses."""

    PATTERNS = [
        *CryptoRecognizer.PATTERNS,
        Pattern("ethereum", r"(?<![0-9A-Z])0x[0-9a-f]{40}(?![0-9A-Z])", 0.7),
    ]

    def validate_result(self, pattern_text: str) -> bool | None:
        """Verify the checksum of a Bitcoin address; None (unknown) for an Ethereum address.

        Ethereum's checksum is in the case of the letters, which many programs lose. A Bech32
        address may be all upper case (BIP 173), as in QR codes.
        """
        if pattern_text[:2].lower() == "0x":
            return None
        upper = pattern_text.startswith("BC1") and pattern_text.isupper()
        return super().validate_result(pattern_text.lower() if upper else pattern_text)
