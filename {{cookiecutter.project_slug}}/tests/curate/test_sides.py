"""Two answers of a row: which is better by a column, and pairs that their scores turn round."""

from typing import Any

import pytest

from lib.curate.row import Mapping
from lib.curate.shapes import to_draft
from lib.curate.sides import two_answers
from lib.intake.cells import Reject
from tests.toy import TEXT_TASK

PAIR = {"prompt": "q", "chosen": "a", "rejected": "b"}


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"response_0": "a", "response_1": "b", "safe": True, "better_id": 1}, ("== 0", "== 1")),
        (
            {"conversation_a": [], "conversation_b": [], "winner": "tie"},
            ('== "model_a"', '== "model_b"'),
        ),
        ({"output_1": "a", "output_2": "b", "preference": 2}, ("< 1.5", "> 1.5")),
        ({"human_ref_A": "a", "human_ref_B": "b", "labels": 1}, ("> 0.5", "< 0.5")),
        ({"reply_a": "a", "reply_b": "b", "preferred": True}, ("== true", "== false")),
    ],
)
def test_which_of_two_answers_is_better(row: dict[str, Any], told: tuple[str, str]) -> None:
    found = two_answers(row)
    assert found is not None
    assert (found.one, found.other, found.judged_by) == (*tuple(row)[:2], tuple(row)[-1])
    assert (found.says_one, found.says_other) == told


def test_answers_that_nothing_judges() -> None:
    assert two_answers({"response_0": "a", "response_1": "b", "better_name": "x"}) is None
    assert two_answers({"response_0": "a", "winner": "model_a"}) is None


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        (PAIR | {"score_chosen": 2, "score_rejected": 4.5}, {}),
        (PAIR | {"chosen-rating": "2", "rejected-rating": "4"}, {}),
        (
            {"prompt": "q", "reply_a": "a", "reply_b": "b", "score_a": 0, "score_b": 1},
            {"chosen": "reply_a", "rejected": "reply_b"},
        ),
        (
            {"prompt": "q", "replies": ["a", "b"], "scores": [0.1, 0.9]},
            {"chosen": "replies.0", "rejected": "replies.1"},
        ),
        (
            {"prompt": "q", "answers": [{"text": "a", "score": 1}, {"text": "b", "score": 5}]},
            {"chosen": "answers.0.text", "rejected": "answers.1.text"},
        ),
        (
            {
                "prompt": "q",
                "chosen": {"role": "assistant", "content": "a", "rating": 1},
                "rejected": {"role": "assistant", "content": "b", "rating": 2},
            },
            {},
        ),
    ],
)
def test_a_pair_that_its_scores_turn_round(row: dict[str, Any], columns: Any) -> None:
    with pytest.raises(Reject, match="turned_round"):
        to_draft(row, Mapping(columns), TEXT_TASK)


def test_scores_that_agree_or_are_not_wanted() -> None:
    right = PAIR | {"score_chosen": 4, "score_rejected": 4, "score": 1}
    assert to_draft(right, Mapping({}), TEXT_TASK).rejected == "b"
    wrong = PAIR | {"score_chosen": 2, "score_rejected": 4}
    ignored = ["score_chosen", "score_rejected"]
    assert to_draft(wrong, Mapping({}, ignored), TEXT_TASK).rejected == "b"


def test_a_number_of_the_better_answer_may_not_go_unread() -> None:
    with pytest.raises(Reject, match="verdict"):
        to_draft(PAIR | {"better_response_id": 1}, Mapping({}), TEXT_TASK)
