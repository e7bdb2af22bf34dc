"""A value has one placeholder: inside of a record, or everywhere with a key."""

from typing import get_args

import pytest

from lib.pii.params import NAME_KINDS, Entity, PiiParams
from lib.pii.redact import Finder, Redactor
from lib.runtime.errors import UserError

ENTITIES = [entity for entity in get_args(Entity) if entity not in NAME_KINDS]


ALL = PiiParams(entities=ENTITIES, regions=["US", "DE", "ES", "CN"], score=0.35)


FINDER = Finder(ALL)


KEY = "0123456789abcdef of a test"


def test_placeholders_are_consistent_inside_a_record() -> None:
    redactor = Redactor(FINDER)
    first = redactor.redact("ana@example.com and bo@example.com")
    assert first == "<EMAIL_ADDRESS_1> and <EMAIL_ADDRESS_2>"
    assert redactor.redact("again BO@example.com") == "again <EMAIL_ADDRESS_2>"
    assert redactor.found == {"EMAIL_ADDRESS": 3}


@pytest.mark.parametrize(
    "written",
    [
        "13812345678, +86 138 1234 5678, 0086-138-1234-5678, (+86)138-1234-5678, 86 13812345678",
        "+49 30 901820, 030 901820, 0049 30 901820, (030) 9018-20, ＋49 (0)30 901820",
        "+1 212-555-0187, (212) 555-0187, 212.555.0187, 001 212 555 0187, \\+1 212 555\\-0187",
        "+1 555-010-0199, (555) 010-0199",  # of no area known
        "+41 79 123 40 79, 0041 79 123 40 79",  # of no region of params
    ],
)
def test_a_number_has_one_placeholder_however_it_is_written(written: str) -> None:
    kind = "CN_MOBILE_NUMBER" if "138" in written else "PHONE_NUMBER"
    count = written.count(",") + 1
    assert Redactor(FINDER).redact(written) == ", ".join([f"<{kind}_1>"] * count)


@pytest.mark.parametrize(
    "written",
    [
        "030 901820, 030 901821",
        "+1 212-555-0187, +44 212-555-0187",
        "212-555-0187x1, 212-555-0187x2",
    ],
)
def test_two_numbers_have_two_placeholders(written: str) -> None:
    assert Redactor(FINDER).redact(written) == "<PHONE_NUMBER_1>, <PHONE_NUMBER_2>"


def test_keyed_placeholders_are_the_same_in_every_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PII_KEY", KEY)
    finder = Finder(ALL.model_copy(update={"key_env": "PII_KEY"}))
    first = Redactor(finder).redact("bo@example.com, ana@example.com")
    again = Redactor(finder).redact("ANA@example.com")
    assert again == "<EMAIL_ADDRESS_9191137e15620a32>"
    assert first.endswith(again)


def test_another_key_gives_other_placeholders(monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for key in (KEY, KEY[::-1]):
        monkeypatch.setenv("PII_KEY", key)
        finder = Finder(ALL.model_copy(update={"key_env": "PII_KEY"}))
        found.add(Redactor(finder).redact("ana@example.com"))
    assert len(found) == 2


def test_hidden_values_are_keyed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PII_KEY", KEY)
    finder = Finder(ALL.model_copy(update={"key_env": "PII_KEY"}))
    assert len({Redactor(FINDER).hide("Ann"), Redactor(finder).hide("Ann"), "Ann"}) == 3
    assert Redactor(finder).hide("Ann") == Redactor(finder).hide("Ann")
    assert Redactor(finder).hide("") == ""


@pytest.mark.parametrize(("key", "said"), [("", "is not set"), ("hush", "is too short")])
def test_bad_key_is_one_clear_line(key: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PII_KEY", key)
    with pytest.raises(UserError, match=f"key_env names .* PII_KEY, which {said}; set it") as error:
        Finder(ALL.model_copy(update={"key_env": "PII_KEY"}))
    assert not key or key not in str(error.value)
