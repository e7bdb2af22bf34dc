"""Contradicting rows are found; a row that its source has published stays."""

import pytest

from lib.core.records import Record
from lib.curate.conflicts import Conflicts
from tests.toy import chat, pair


def others(*records: Record, one_answer: bool = True) -> list[str]:
    """What each record contradicts; the lines are counted from 0."""
    conflicts = Conflicts(one_answer)
    for line, record in enumerate(records):
        conflicts.add(record, line)
    return list(conflicts.find())


def found(*records: Record, one_answer: bool = True) -> list[bool]:
    return [bool(other) for other in others(*records, one_answer=one_answer)]


def test_chats_with_one_input_and_two_answers() -> None:
    records = [
        chat("where is it?", "refund"),
        chat("Where is it", "setup"),
        chat("where is it?", "setup", split="test"),
        chat("another", "setup"),
    ]
    assert found(*records) == [True, True, False, False]


def test_each_is_told_what_it_contradicts() -> None:
    records = [chat("a", "refund"), chat("b"), chat("a", "setup"), chat("a", "refund")]
    records[2]["source"] = "data/raw/new.jsonl"
    first, _, second, third = others(*records)
    assert first == third == "data/raw/new.jsonl:2"
    assert second in (f"{records[0]['source']}:{line}" for line in (0, 3))


def test_copies_agree() -> None:
    assert found(chat("到了吗？"), chat("到了吗")) == [False, False]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("退款，谢谢！", "退款 谢谢", True),
        ("Hello, it is broken; please help.", "hello it is broken please help", True),
        ("¿Dónde está?", "Dónde está", True),
        ("où est-il ? merci", "où est-il? merci", True),
        ("मेरा पैसा वापस करो।", "मेरा पैसा वापस करो", True),
        ("I don't know", "I don\u2019t know", True),
        ("मेरा दिन", "मेरा दान", False),
        ("is C# good", "is C++ good", False),
        ("x < 5", "x > 5", False),
        ("x != 5", "x = 5", False),
        ("(1 + 2) * 3", "1 + 2 * 3", False),
        ("3.5 volts", "35 volts", False),
        ("great 😀", "great 😡", False),
        ("nice :)", "nice :(", False),
        ("???", "!!!", False),
    ],
)
def test_the_same_input(one: str, other: str, same: bool) -> None:
    assert found(chat(one, "refund"), chat(other, "setup")) == [same, same]


def test_the_better_answer_of_a_pair_is_a_label_too() -> None:
    records = [
        chat("fix the door", "broken"),
        pair("fix the door", "setup", "broken"),
        pair("stop it", "cancel", "refund"),
        pair("stop it", "billing", "question"),
        pair("one more", "cancel", "refund"),
        pair("one more", "cancel", "billing"),
        chat("one more", "cancel"),
    ]
    assert found(*records) == [True] * 4 + [False] * 3


@pytest.mark.parametrize("one_answer", [True, False])
def test_one_answer_as_good_and_as_bad(one_answer: bool) -> None:
    records = [
        chat("where?", "delivery"),
        pair("where?", "", "delivery"),
        pair("when?", "delivery", ""),
        pair("when?", "", "delivery"),
        pair("who?", "question", ""),
        pair("who?", "", "delivery"),
        pair("who?", "", "refund"),
    ]
    assert found(*records, one_answer=one_answer) == [True] * 4 + [False] * 3


def test_the_better_answer_of_a_pair_as_bad() -> None:
    records = [pair("where?", "delivery", "refund"), pair("where?", "", "delivery")]
    assert found(*records) == [True, True]
    assert found(*records, one_answer=False) == [False, False]  # the less bad of two


def test_pairs_turned_round() -> None:
    asked = [("refund", "setup"), ("setup", "refund"), ("refund", "pizza")]
    pairs = [pair("where?", *answers) for answers in asked]
    assert found(*pairs, one_answer=False) == [True, True, False]


def test_text_may_have_many_answers_but_one_preference() -> None:
    chats = [chat("tell me a joke", "one"), chat("tell me a joke", "another")]
    pairs = [pair("tell me a joke", "a", "b"), pair("tell me a joke", "b", "a")]
    assert found(*chats, *pairs, one_answer=False) == [False, False, True, True]


def test_no_records() -> None:
    assert found() == []
