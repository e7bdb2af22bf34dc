"""What stands beside a key that is reached into, what a row follows, and splits by other names."""

from typing import Any

import pytest

from lib.curate.draft import Draft
from lib.curate.row import Mapping
from lib.curate.shapes import to_draft
from lib.intake.cells import Reject
from lib.intake.turns import assistant, user
from tests.toy import TEXT_TASK

TURNS = [user("Is it open?"), assistant("Until six.")]
INSIDE = {"messages": "request.messages"}
PLAIN = {"prompt": "q", "completion": "a"}


def read(row: dict[str, Any], columns: Any = None, ignore: Any = ()) -> Draft:
    return to_draft(row, Mapping(columns or {}, ignore), TEXT_TASK)


def found(row: dict[str, Any], columns: Any = None) -> tuple[str, ...]:
    with pytest.raises(Reject) as raised:
        read(row, columns)
    return (str(raised.value), *raised.value.found)


def test_what_stands_beside_is_named() -> None:
    row = {"request": {"messages": TURNS, "user": "u7"}, "id": 3}
    assert read(row, INSIDE).unread == ["request.user", "id"]
    assert read(row, INSIDE, ["request.user", "id"]).unread == []


def test_others_of_a_list_are_named_once() -> None:
    columns = {"completion": "answers.text.0"}
    row = {"prompt": "q", "answers": {"text": ["a", "b", "c"], "start": [1, 2, 3]}}
    assert read(row, columns).unread == ["answers.text.1", "answers.start"]


@pytest.mark.parametrize(
    ("beside", "reason"),
    [
        ({"label": False}, "verdict"),
        ({"tools": [{"name": "locate", "parameters": {}}]}, "tools"),
        ({"context": "The shop moved."}, "unread_input"),
        ({"status": "discarded"}, "verdict"),
        ({"was_cancelled": True}, "verdict"),
        ({"partition": "test"}, "held_out"),
    ],
)
def test_what_stands_beside_may_change_what_is_learnt(beside: Any, reason: str) -> None:
    what, shown, *_ = found({"request": {"messages": TURNS, **beside}}, INSIDE)
    assert (what, shown.partition(":")[0]) == (reason, f"request.{next(iter(beside))}")


def test_tools_inside_can_be_mapped() -> None:
    tool = {"name": "locate", "parameters": {"type": "object", "properties": {}}}
    row = {"request": {"messages": TURNS, "tools": [tool]}}
    assert read(row, INSIDE | {"tools": "request.tools"}).tools


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"parent_id": 7}, "follow_up"),
        ({"partition": "dev"}, "held_out"),
        ({"option1": "Mira", "option2": "Jon"}, "unread_input"),
        ({"sol1": "x", "sol2": "y"}, "unread_input"),
        ({"endings": ["x", "y"]}, "unread_input"),
        ({"chat_history": "Ann: hello"}, "unread_input"),
        ({"sql context": "CREATE TABLE a"}, "unread_input"),
        ({"corrected_answer": "b"}, "ranked"),
        ({"function": [{"name": "locate"}]}, "tools"),
        ({"judgement": "unsafe"}, "verdict"),
        ({"intent.status": ["discarded"]}, "verdict"),
        ({"moderation": [{"flagged": True}]}, "verdict"),
    ],
)
def test_columns_that_may_not_go_unread(more: Any, reason: str) -> None:
    assert found(PLAIN | more)[0] == reason


@pytest.mark.parametrize(
    "more",
    [
        {"partition": "train"},
        {"moderation": {"flagged": False}},
        {"intent.status": ["submitted"]},
        {"choices.label": ["A", "B"]},
        {"parent_id": None},
        {"function": "Sales", "context_id": 7},
    ],
)
def test_columns_that_change_nothing(more: Any) -> None:
    assert read(PLAIN | more).chosen == "a"
