"""Personal data goes, the rest of the text stays."""

import subprocess
import sys
from typing import get_args

import pytest

from lib.errors import UserError
from lib.params.pii import Entity, PiiParams
from lib.pii import UNSPACED_LETTER, Finder, Redactor, join

ALL = PiiParams(entities=list(get_args(Entity)), regions=["US", "DE", "CN"], score=0.35)
FINDER = Finder(ALL)

PERSONAL = {
    "write to ana@example.com.": "write to <EMAIL_ADDRESS_1>.",
    "bob@corp.internal knows": "<EMAIL_ADDRESS_1> knows",
    "call +49 30 901820": "call <PHONE_NUMBER_1>",
    "card 4111-1111-1111-1111": "card <CREDIT_CARD_1>",
    "卡号4111111111111111，谢谢": "卡号<CREDIT_CARD_1>，谢谢",
    "IBAN DE89 3704 0044 0532 0130 00": "IBAN <IBAN_CODE_1>",
    "Tel. 030 901820 oder (030) 9018-20": "Tel. <PHONE_NUMBER_1> oder <PHONE_NUMBER_1>",
    "call (212) 555-0187": "call <PHONE_NUMBER_1>",
    "SSN 536-22-8726": "SSN <US_SSN_1>",
    "from 203.0.113.7 today": "from <IP_ADDRESS_1> today",
    "from 2001:db8::8a2e:370:7334": "from <IP_ADDRESS_1>",
    "mac 00:1A:2B:3C:4D:5E": "mac <MAC_ADDRESS_1>",
    "pay 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2": "pay <CRYPTO_1>",
    "电话13812345678找我": "电话<CN_MOBILE_NUMBER_1>找我",
    "身份证11010519491231002X。": "身份证<CN_RESIDENT_ID_1>。",
}
HARMLESS = [
    "order HW-48213 of 2024-05-17",
    "firmware 1.2.3, model C-2000",
    "icon@2x.png and lodash@4.17.21",
    "身份证110105194912310021",  # wrong check digit
    "it costs 129.99 for 24 months",
    "48 + 24 = 72, so 72 / 2 = 36",
    "1000 - 200 = 800, 27000-16000",
    "meet me at 10:30, room 4",
]


@pytest.mark.parametrize(("text", "expected"), PERSONAL.items())
def test_found(text: str, expected: str) -> None:
    assert Redactor(FINDER).redact(text) == expected


@pytest.mark.parametrize("text", HARMLESS)
def test_left_alone(text: str) -> None:
    assert Redactor(FINDER).redact(text) == text


@pytest.mark.parametrize("text", [*PERSONAL, *HARMLESS, "a ticket without any number"])
def test_gate_loses_nothing(text: str) -> None:
    spaced = UNSPACED_LETTER.sub(" ", text)
    assert FINDER.find(text) == tuple(join(FINDER.analyze(spaced, ALL.entities)))


def test_placeholders_are_consistent_inside_a_record() -> None:
    redactor = Redactor(FINDER)
    first = redactor.redact("ana@example.com and bo@example.com")
    assert first == "<EMAIL_ADDRESS_1> and <EMAIL_ADDRESS_2>"
    assert redactor.redact("again BO@example.com") == "again <EMAIL_ADDRESS_2>"
    assert redactor.found == {"EMAIL_ADDRESS": 3}


def test_overlapping_spans_melt() -> None:
    class Result:
        def __init__(self, start: int, end: int, entity_type: str, score: float) -> None:
            self.start, self.end, self.entity_type, self.score = start, end, entity_type, score

    found = [Result(0, 5, "A", 0.4), Result(3, 9, "B", 0.9), Result(9, 12, "C", 0.4)]
    assert list(join(found)) == [(0, 9, "B"), (9, 12, "C")]


def test_nothing_looked_for_when_no_entity_is_named() -> None:
    finder = Finder(PiiParams(entities=[], regions=[], score=0.35))
    assert Redactor(finder).redact("ana@example.com") == "ana@example.com"


def test_unknown_region_is_named() -> None:
    params = PiiParams(entities=["PHONE_NUMBER"], regions=["QQ"], score=0.35)
    with pytest.raises(UserError, match=r"curate\.pii\.regions: 'QQ' is no country code"):
        Finder(params)


def test_presidio_starts_without_torch_and_transformers() -> None:
    code = (
        "import sys; from lib.pii import load_engine; load_engine(('EMAIL_ADDRESS',), ());"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
