"""Contradicting rows are found; a row that its source has published stays."""

from lib.intake.conflicts import Conflicts
from lib.records import Record
from tests.toy import chat, pair


def found(*records: Record, one_answer: bool = True) -> list[bool]:
    conflicts = Conflicts(one_answer)
    for record in records:
        conflicts.add(record)
    return [bool(one) for one in conflicts.find()]


def test_chats_with_one_input_and_two_answers() -> None:
    records = [
        chat("where is it?", "refund"),
        chat("Where is it", "setup"),
        chat("where is it?", "setup", split="test"),
        chat("another", "setup"),
        pair("where is it?", "setup", "refund"),
    ]
    assert found(*records) == [True, True, False, False, False]


def test_copies_agree() -> None:
    assert found(chat("到了吗？"), chat("到了吗")) == [False, False]


def test_pairs_turned_round() -> None:
    asked = [("refund", "setup"), ("setup", "refund"), ("refund", "pizza")]
    assert found(*(pair("where?", *answers) for answers in asked)) == [True, True, False]


def test_text_may_have_many_answers_but_one_preference() -> None:
    chats = [chat("tell me a joke", "one"), chat("tell me a joke", "another")]
    pairs = [pair("tell me a joke", "a", "b"), pair("tell me a joke", "b", "a")]
    assert found(*chats, *pairs, one_answer=False) == [False, False, True, True]


def test_no_records() -> None:
    assert found() == []
