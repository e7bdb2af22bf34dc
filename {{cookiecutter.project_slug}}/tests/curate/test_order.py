"""Turns that one side says in a row, greetings, and questions that nobody answered."""

import pytest

from lib.core.turns import Message
from lib.curate.order import put_in_order
from lib.curate.row import Mapping
from lib.curate.shapes import to_draft
from lib.intake.cells import Reject
from lib.intake.turns import assistant, user
from tests.toy import TEXT_TASK

SYSTEM: Message = {"role": "system", "content": "Be kind."}
BOTH = [user("Is it sold?"), assistant("Yes.")]


@pytest.mark.parametrize(
    ("turns", "ordered", "change"),
    [
        ([user("Hello"), *BOTH], [user("Hello\n\nIs it sold?"), BOTH[1]], "turns_joined"),
        ([BOTH[0], assistant("I look."), BOTH[1]], [BOTH[0], assistant("I look.\n\nYes.")],
         "turns_joined"),
        ([assistant("Hi!"), *BOTH], BOTH, "greeting_removed"),
        ([SYSTEM, assistant("Hi!"), *BOTH], [SYSTEM, *BOTH], "greeting_removed"),
        ([*BOTH, user("Thanks!")], BOTH, "unanswered_removed"),
        ([SYSTEM, *BOTH, SYSTEM, *BOTH], [SYSTEM, *BOTH, *BOTH], "system_prompt_removed"),
    ],
)  # fmt: skip
def test_a_chat_is_put_in_order(turns: list[Message], ordered: list[Message], change: str) -> None:
    changes = set[str]()
    assert (put_in_order(turns, changes), changes) == (ordered, {change})


def test_another_system_prompt_inside_of_a_chat_is_not_passed_over() -> None:
    other: Message = {"role": "system", "content": "Now be rude."}
    with pytest.raises(Reject, match="roles_out_of_order"):
        to_draft({"messages": [SYSTEM, *BOTH, other, *BOTH]}, Mapping({}), TEXT_TASK)


def test_the_turns_before_a_pair_stay_what_they_are() -> None:
    row = {"prompt": "Is it sold?", "chosen": [*BOTH, user("Thanks!")], "rejected": "No."}
    with pytest.raises(Reject, match=r"prompts_differ|roles_out_of_order"):
        to_draft(row, Mapping({}), TEXT_TASK)
