"""Gates: what a text must contain before a recognizer can find a kind of personal data in it.

These are necessary conditions of the recognizers in accounts.py, addresses.py, recognizers.py and
phones.py: a change there may need one here. tests/pii/test_pii.py compares them on random texts.
"""

import re
from collections.abc import Sequence
from typing import get_args

from lib.pii.params import NationalId
from lib.runtime.errors import UserError

# What may stand between the digits of a phone number (as phonenumbers has it).
BETWEEN = (
    r"[-xX\u2010-\u2015\u2212\u30fc\uff0d-\uff0f \u00a0\u00ad\u200b\u2060\u3000"
    r"()\uff08\uff09\uff3b\uff3d.\[\]/~\u2053\u223c\uff5e]{0,4}+"
)
# A national number that a 0 is dialled before, of seven digits or more; or 00 and a country's code.
TRUNK = rf"0(?<!\d0)(?:{BETWEEN}\d){{6}}"
INTERNATIONAL = rf"[+\uff0b]{BETWEEN}{BETWEEN}(?:{BETWEEN}\d){{5}}"
# Six digits: a number that words announce as one for phones may be as short.
LOCAL = rf"\d(?:{BETWEEN}\d){{5}}"
# Digits in groups, enough for a payment card, and what stands between an account number's groups;
# no tabs, which part the columns of a table.
CARD_RUN = re.compile(r"\d(?:[ \r\n._/|:~\u00b7\u2022-]{0,3}+\d){11,}")
IBAN_BETWEEN = r"[ \r\n._/|:~\u00b7\u2022-]{0,3}+"
DOT = r"(?:\.|\[\.\]|\(\.\)|\[dot\])"  # 203[.]0[.]113[.]77, as security people write
_AT, _SAID_DOT = r" ?(?:at|AT|At|arroba) ?[\])}]", "(?:dot|DOT|punto) "
HIDDEN_AT = rf"[\[({{]{_AT}"  # ana [at] example [dot] com
SPOKEN_DOT = f" {_SAID_DOT}"  # ana.lopez at example dot com
# What every value of a kind must contain, whatever else presidio checks: one of these each. They
# start with what is rare in prose, such as a digit, because `re` then skips the rest at once.
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
# What values of all kinds have one of: a digit, an @, HIDDEN_AT or SPOKEN_DOT. A pattern that
# begins with one class of signs is fast.
ANY = re.compile(rf"[@\d\[({{ ](?:(?<=[@\d])|(?<=[\[({{]){_AT}|(?<= ){_SAID_DOT})")
# What makes such signs of others, so that as_plain need not be asked of most texts.
# Digits of all scripts are digits for `re`; those that it does not know yet are beyond U+FFFF.
BEGINNING = re.compile("[\uff20\uff08\uff3b\uff5b([{\U00010000-\U0010ffff]")


def may_hold(text: str) -> bool:
    """Tell whether a text, as it is written, may have what ANY finds in it as plain signs."""
    return bool(ANY.search(text) or (not text.isascii() and BEGINNING.search(text)))


def gates(entities: Sequence[str], regions: Sequence[str]) -> dict[str, list[re.Pattern[str]]]:
    """Compile the conditions of each kind of personal data; a text must fulfil one of them.

    regions: two-letter codes of the countries whose national phone numbers count.
    """
    conditions = NECESSARY | {"PHONE_NUMBER": (LOCAL, *phone_conditions(regions))}
    conditions |= dict.fromkeys(get_args(NationalId), (r"\d",))
    return {entity: [re.compile(one) for one in conditions[entity]] for entity in entities}


def dialled_first(region: str) -> tuple[str, int]:
    """Return what is dialed before a country's numbers (0, 1, nothing), and digits of the shortest.

    Raises UserError for an unknown country code.
    """
    from phonenumbers import PhoneMetadata

    numbers = PhoneMetadata.metadata_for_region(region)
    if numbers is None or numbers.general_desc is None:
        raise UserError(f"params.yaml: curate.pii.regions: {region!r} is not a country code")
    return numbers.national_prefix or "", min(numbers.general_desc.possible_length)


def phone_conditions(regions: Sequence[str]) -> tuple[str, ...]:
    """List the conditions that hold for every phone number without a word before it.

    A plus and digits, a leading 0, or digits enough.
    """
    conditions = [INTERNATIONAL, TRUNK]
    for prefix, digits in map(dialled_first, regions):
        if prefix != "0":
            conditions.append(rf"\d(?:{BETWEEN}\d){{{digits - 1}}}")
    return tuple(dict.fromkeys(conditions))
