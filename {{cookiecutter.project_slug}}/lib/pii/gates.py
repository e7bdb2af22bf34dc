"""Test quickly which kinds of personal data a text may contain, before presidio runs.

The conditions ("gates") are necessary for the recognizers in accounts.py, addresses.py,
recognizers.py and phones.py: a change there may need one here. tests/pii/test_pii.py compares the
two on random texts.
"""

import re
from collections.abc import Sequence
from typing import get_args

from lib.pii.params import NationalId
from lib.runtime.errors import UserError

# What may separate the digits of a phone number (as in phonenumbers).
BETWEEN = (
    r"[-xX\u2010-\u2015\u2212\u30fc\uff0d-\uff0f \u00a0\u00ad\u200b\u2060\u3000"
    r"()\uff08\uff09\uff3b\uff3d.\[\]/~\u2053\u223c\uff5e]{0,4}+"
)
# A national number with a leading 0, of seven digits or more; or 00 and a country code.
TRUNK = rf"0(?<!\d0)(?:{BETWEEN}\d){{6}}"
INTERNATIONAL = rf"[+\uff0b]{BETWEEN}{BETWEEN}(?:{BETWEEN}\d){{5}}"
# Six digits: the shortest number that words may announce as a phone number.
LOCAL = rf"\d(?:{BETWEEN}\d){{5}}"
# Digits in groups, enough for a payment card, and what separates the groups of an IBAN; not tabs,
# which separate the columns of a table.
CARD_RUN = re.compile(r"\d(?:[ \r\n._/|:~\u00b7\u2022-]{0,3}+\d){11,}")
IBAN_BETWEEN = r"[ \r\n._/|:~\u00b7\u2022-]{0,3}+"
DOT = r"(?:\.|\[\.\]|\(\.\)|\[dot\])"  # 203[.]0[.]113[.]77, as written in security reports
_AT, _SAID_DOT = r" ?(?:at|AT|At|arroba) ?[\])}]", "(?:dot|DOT|punto) "
HIDDEN_AT = rf"[\[({{]{_AT}"  # ana [at] example [dot] com
SPOKEN_DOT = f" {_SAID_DOT}"  # ana.lopez at example dot com
# Every value of a kind contains one of its patterns, whatever else presidio checks. Patterns start
# with what is rare in prose, such as a digit, because `re` then skips the rest quickly.
NECESSARY = {
    "EMAIL_ADDRESS": (r"@", HIDDEN_AT, SPOKEN_DOT),
    "CREDIT_CARD": (CARD_RUN.pattern,),
    "IBAN_CODE": (
        rf"\d\d(?:(?<=[A-Za-z]{{2}}\d\d)|(?<=[A-Z]{{2}} \d\d))(?:{IBAN_BETWEEN}[A-Za-z0-9]){{11}}",
    ),
    "US_SSN": (r"\d(?:[ \r\n._/\u00b7-]{0,3}\d){8}",),
    "IP_ADDRESS": (
        rf"\d{DOT}\d{{1,3}}{DOT}\d{{1,3}}{DOT}\d",
        r":[0-9A-Fa-f]{0,4}:",
    ),
    "MAC_ADDRESS": (
        r"[:-](?<=[0-9A-Fa-f]{2}[:-])[0-9A-Fa-f]{2}[:-]",
        r"\.(?<=[0-9A-Fa-f]{4}\.)[0-9A-Fa-f]{4}\.",
    ),
    "CRYPTO": (r"[013][A-Za-z0-9]{25}",),
    "CN_MOBILE_NUMBER": (r"1[3-9]\d(?:[-. ]?\d){8}",),
    "CN_RESIDENT_ID": (r"[1-9]\d{5}[- ]?\d{8}[- ]?\d{3}[0-9Xx]",),
}
# Every value of any kind contains a digit, an @, HIDDEN_AT or SPOKEN_DOT. A pattern that begins
# with one class of characters is fast.
ANY = re.compile(rf"[@\d\[({{ ](?:(?<=[@\d])|(?<=[\[({{]){_AT}|(?<= ){_SAID_DOT})")
# Characters that as_plain may turn into such signs, so that most texts need no as_plain. `re` knows
# the digits of all scripts; newer ones are above U+FFFF.
BEGINNING = re.compile("[\uff20\uff08\uff3b\uff5b([{\U00010000-\U0010ffff]")


def may_hold(text: str) -> bool:
    """Tell whether a raw text may match ANY after `as_plain`."""
    return bool(ANY.search(text) or (not text.isascii() and BEGINNING.search(text)))


def gates(entities: Sequence[str], regions: Sequence[str]) -> dict[str, list[re.Pattern[str]]]:
    """Compile the patterns of each kind of personal data; a text must match one of them.

    regions: two-letter codes of countries whose national phone numbers are recognized.
    """
    conditions = NECESSARY | {"PHONE_NUMBER": (LOCAL, *phone_conditions(regions))}
    conditions |= dict.fromkeys(get_args(NationalId), (r"\d",))
    return {entity: [re.compile(one) for one in conditions[entity]] for entity in entities}


def dialled_first(region: str) -> tuple[str, int]:
    """Return the trunk prefix of a country (0, 1 or ""), and the digits of its shortest number.

    Raises UserError for an unknown country code.
    """
    from phonenumbers import PhoneMetadata

    numbers = PhoneMetadata.metadata_for_region(region)
    if numbers is None or numbers.general_desc is None:
        raise UserError(f"params.yaml: curate.pii.regions: {region!r} is not a country code")
    return numbers.national_prefix or "", min(numbers.general_desc.possible_length)


def phone_conditions(regions: Sequence[str]) -> tuple[str, ...]:
    """List patterns of which every phone number without an announcing word matches one.

    That is a plus and digits, a leading 0, or enough digits.
    """
    conditions = [INTERNATIONAL, TRUNK]
    for prefix, digits in map(dialled_first, regions):
        if prefix != "0":
            conditions.append(rf"\d(?:{BETWEEN}\d){{{digits - 1}}}")
    return tuple(dict.fromkeys(conditions))
