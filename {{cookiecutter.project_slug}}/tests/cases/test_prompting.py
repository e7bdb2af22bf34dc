"""Examples before a question: which, in what order, and what does not fit."""

import numpy as np
import pytest

from lib.cases.prompting import draw, fit_examples, nearest, top, with_examples
from lib.core.records import Message
from tests.toy import chat

ROWS = [
    chat("refund the router", scenario="refund"),
    chat("refund my lock", scenario="refund"),
    chat("我的路由器坏了", scenario="broken"),
    chat("the app is stuck", scenario="app"),
]
QUESTION = [Message(role="user", content="?")]


def length(chat: list[Message]) -> list[int]:
    """A token for each turn."""
    return [1] * len(chat)


@pytest.mark.parametrize("seed", range(5))
def test_every_scenario_is_drawn_before_one_is_drawn_twice(seed: int) -> None:
    assert {row["scenario"] for row in draw(ROWS, 3, seed)} == {"refund", "broken", "app"}


def test_the_draw_depends_on_the_seed_alone() -> None:
    assert draw(ROWS, 4, 1) == draw(ROWS, 4, 1)
    assert len({draw(ROWS, 1, seed)[0]["id"] for seed in range(20)}) > 1


@pytest.mark.parametrize(
    ("question", "best"), [("a refund for a lock", 1), ("路由器不工作", 2), ("App stuck", 3)]
)
def test_the_nearest_example_stands_last(question: str, best: int) -> None:
    assert nearest(ROWS, [question], 2)[0][-1] == ROWS[best]


def test_a_question_without_a_known_word_takes_the_first_examples() -> None:
    assert nearest(ROWS, ["🤖"], 1) == [[ROWS[0]]]


def test_equal_scores_keep_their_order() -> None:
    assert top(np.array([1.0, 2.0, 1.0, 2.0, 0.0]), 3) == [1, 3, 0]


def test_a_system_prompt_stays_first() -> None:
    prompt = [Message(role="system", content="s"), *QUESTION]
    roles = [turn["role"] for turn in with_examples(prompt, ROWS[:1])]
    assert roles == ["system", "user", "assistant", "user"]


@pytest.mark.parametrize(("most", "kept"), [(7, 3), (6, 2), (2, 0), (0, 0)])
def test_examples_that_do_not_fit_are_left_out_and_the_question_never_is(
    most: int, kept: int
) -> None:
    prompt = fit_examples(QUESTION, ROWS[:3], length, most)
    assert (prompt.examples, prompt.chat[-1]) == (kept, QUESTION[0])
    assert prompt.chat[:-1] == [turn for row in ROWS[3 - kept : 3] for turn in row["messages"]]
