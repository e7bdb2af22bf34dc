"""Drafts of answers, and how much of one is kept."""

import pytest

from lib.engines.speculative import CONTEXT, LONGEST, Drafts, Growing

STOP = 1


def test_a_draft_is_what_followed_the_same_tokens() -> None:
    drafts = Drafts()
    drafts.learn([5, 6, 7])
    drafts.learn([8, 6, 9])
    assert drafts.after([5], 9) == [6, 7]
    assert drafts.after([5, 6], 9) == [7]
    assert drafts.after([6], 9) == []  # no answer began so


def test_far_into_an_answer_its_last_tokens_count() -> None:
    drafts, text = Drafts(), list(range(10, 40))
    drafts.learn(text)
    assert drafts.after([99, *text[:CONTEXT]], 9) == text[CONTEXT : CONTEXT + LONGEST]
    assert drafts.after(text[:CONTEXT], 2) == text[CONTEXT : CONTEXT + 2]


@pytest.mark.parametrize(
    ("chosen", "answer", "wrong", "ended"),
    [
        ([6, 7, 8], [5, 6, 7, 8], 0, False),  # all of the draft, and one more
        ([6, 9, 8], [5, 6, 9], 1, False),  # what follows a wrong token means nothing
        ([9, 7, 8], [5, 9], 2, False),
        ([6, STOP, 8], [5, 6], 1, True),
        ([STOP, 7, 8], [5], 2, True),
        ([6, 7, STOP], [5, 6, 7], 0, True),
    ],
)
def test_a_draft_is_kept_as_far_as_the_model_agrees(
    chosen: list[int], answer: list[int], wrong: int, ended: bool
) -> None:
    row = Growing(step=[5, 6, 7], read=20, draft=[6, 7], answer=[5])
    row.take(chosen, {STOP}, most=9)
    assert (row.answer, row.wrong, row.ended) == (answer, wrong, ended)
    assert row.read == 23 - wrong


def test_an_answer_ends_at_its_limit() -> None:
    row = Growing(step=[5, 6], read=20, draft=[6], answer=[5])
    row.take([6, 7], {STOP}, most=3)
    assert (row.answer, row.ended) == ([5, 6, 7], True)
