"""Lines of everyday text: numbers that are nobody's stay, announced phone numbers and values in odd
forms go."""

import re
from pathlib import Path
from typing import get_args

import pytest

from lib.pii.params import NAME_KINDS, Entity, PiiParams
from lib.pii.redact import Finder, Redactor

ENTITIES = [entity for entity in get_args(Entity) if entity not in NAME_KINDS]
FINDER = Finder(PiiParams(entities=ENTITIES, regions=["US", "GB", "DE", "ES", "CN"], score=0.35))
HERE = Path(__file__).parent

CARDS = [
    "675984103431", "4222222222222", "30569309025904", "180016070420458", "213161594239298",
    "4000000000000000006", "6304000000000000", "2200 0000 0000 0053", "2720-9900-0000-0007",
    "3782 8224 6310 005", "4111  1111  1111  1111", "4111_1111_1111_1111",
    "4111 - 1111 - 1111 - 1111",
    "4111/1111/1111/1111", "4111.1111.1111.1111", "4111\n1111\n1111\n1111", "4111 1111\n1111 1111",
    "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "41 11 11 11 11 11 11 11", "41111111 11111111",
]  # fmt: skip
FORMS = {
    "DE89 3704 0044\n0532 0130 00": "IBAN_CODE",
    "DE89_3704_0044_0532_0130_00": "IBAN_CODE",
    "LU69 012A XYZQ RSTU VWKB": "IBAN_CODE",
    "DE89/3704/0044/0532/0130/00": "IBAN_CODE",
    "DE89 - 3704 - 0044 - 0532 - 0130 - 00": "IBAN_CODE",
    "DE 89 3704 0044 0532 0130 00": "IBAN_CODE",
    "219_09_9999": "US_SSN",
    "219 - 09 - 9999": "US_SSN",
    "219-09-\n9999": "US_SSN",
    "203[.]0[.]113[.]77": "IP_ADDRESS",
    "203.0.113[.]77": "IP_ADDRESS",
    "ana [at] example [dot] com": "EMAIL_ADDRESS",
    "ana(at)example.com": "EMAIL_ADDRESS",
    "ana.l @ example.com": "EMAIL_ADDRESS",
    "ana7@ example.com": "EMAIL_ADDRESS",
    "ana at gmail dot com": "EMAIL_ADDRESS",
    "ana_l at mail dot example dot com": "EMAIL_ADDRESS",
    "BC1QAR0SRRR7XFKVY5L643LYDNW9RE59GTZZWF5MDQ": "CRYPTO",
    "+13812345678": "PHONE_NUMBER",
    "+1 3812345678": "PHONE_NUMBER",
    "+49 (0)151 23456510": "PHONE_NUMBER",
    "https://wa.me/13035551234": "PHONE_NUMBER",
    "+86 138 1234 5678": "CN_MOBILE_NUMBER",
    "138-12345678": "CN_MOBILE_NUMBER",
    "138 123 45678": "CN_MOBILE_NUMBER",
}


def lines(name: str) -> list[str]:
    """The lines of a file beside this one; a written \\n is a line's end."""
    return [line.replace("\\n", "\n") for line in (HERE / name).read_text("utf-8").splitlines()]


def test_numbers_that_are_nobodys_stay() -> None:
    hard = lines("hard_lines.txt")
    masked = [line for line in hard if FINDER.find(line)]
    assert len(masked) <= 0.02 * len(hard), masked


def test_announced_phone_numbers_go() -> None:
    texts = lines("announced_phones.txt")
    numbers = [number for text in texts for number in re.findall(r"\[(.+?)\]", text)]
    left = [
        number
        for text in texts
        for number in re.findall(r"\[(.+?)\]", text)
        if number in Redactor(FINDER).redact(re.sub(r"[\[\]]", "", text))
    ]
    assert len(left) <= 0.05 * len(numbers), left


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("frame", ["{} is mine", "请用{}，谢谢", "card: {}. Thanks"])
def test_cards_of_every_length_and_form(card: str, frame: str) -> None:
    assert Redactor(FINDER).redact(frame.format(card)) == frame.format("<CREDIT_CARD_1>")


@pytest.mark.parametrize(
    "number",
    ["675984103432", "4111 1111 1111 1112", "770123456789", "1234567812345670", "0.4111111111"],
)  # fmt: skip
def test_no_card(number: str) -> None:
    assert not FINDER.find(f"it says {number} there")


def test_tabs_are_columns() -> None:
    assert not FINDER.find(
        "4111\t1111\t1111\t1111\nDE89\t3704\t0044\t0532\t0130\t00\n219\t09\t9999"
    )


@pytest.mark.parametrize(("value", "kind"), FORMS.items())
def test_forms(value: str, kind: str) -> None:
    masked = Redactor(FINDER).redact(f"so: {value}, ok?").replace("https://wa.me/", "")
    assert masked == f"so: <{kind}_1>, ok?"


def test_one_number_has_one_kind_and_placeholder() -> None:
    written = "call 13812345678, 138-12345678, +86 138 1234 5678, tel 138 12345678"
    assert Redactor(FINDER).redact(written) == (
        "call <CN_MOBILE_NUMBER_1>, <CN_MOBILE_NUMBER_1>, <CN_MOBILE_NUMBER_1>, "
        "tel <CN_MOBILE_NUMBER_1>"
    )
    written = "Phone: 4155552671, (415) 555-2671, +1 415-555-2671, https://wa.me/14155552671"
    assert Redactor(FINDER).redact(written).count("<PHONE_NUMBER_1>") == 4
