"""What a draft must pass."""

import pytest

from lib.checks import check
from lib.params.curate import CurateParams
from lib.params.pii import PiiParams
from lib.params.task import TaskParams
from lib.shapes import Draft, Reject, user
from tests.toy import JSON_TASK, LABEL_TASK, TEXT_TASK

LIMITS = CurateParams(
    licences=["CC0-1.0", "CC-BY-4.0"],
    min_chars=2,
    max_chars=60,
    pii=PiiParams(entities=[], regions=[], score=0.35),
)


def checked(asked: str, answer: str, task: TaskParams = TEXT_TASK, **fields: str) -> Draft:
    draft = Draft([user(asked)], answer, **{"licence": "CC0-1.0"} | fields)  # type: ignore[arg-type]
    check(draft, task, LIMITS)
    return draft


@pytest.mark.parametrize(
    ("asked", "answer", "task", "reason"),
    [
        (" \n", "a", TEXT_TASK, "empty"),
        ("q", "a", TEXT_TASK, "too_short"),
        ("q" * 60, "a", TEXT_TASK, "too_long"),
        ("half \ud83d", "a", TEXT_TASK, "damaged_text"),
        ("lost \ufffd", "a", TEXT_TASK, "damaged_text"),
        ("bell\x07", "a", TEXT_TASK, "damaged_text"),
        ("Dear {{first_name}}", "a", TEXT_TASK, "unfilled_template"),
        ("ask", "delivery", LABEL_TASK, "unknown_label"),
        ("ask", "refund", JSON_TASK, "answer_not_json"),
        ("ask", '["refund"]', JSON_TASK, "wrong_fields"),
        ("ask", '{"intent": "refund"}', JSON_TASK, "wrong_fields"),
        ("ask", '{"intent": "x", "urgency": "low"}', JSON_TASK, "unknown_label"),
        ("ask", '{"intent": "setup", "urgency": 1}', JSON_TASK, "unknown_label"),
    ],
)
def test_what_is_unsound_has_a_reason(
    asked: str, answer: str, task: TaskParams, reason: str
) -> None:
    with pytest.raises(Reject, match=f"^{reason}$"):
        checked(asked, answer, task)


def test_json_answer_is_written_in_the_order_of_the_task() -> None:
    draft = checked("ask", '{"urgency":"low","intent":"setup"}', JSON_TASK)
    assert draft.chosen == '{"intent": "setup", "urgency": "low"}'
    assert (draft.scenario, draft.changes) == ("setup", {"answer_rewritten"})


def test_label_is_the_scenario() -> None:
    assert checked("ask", "refund", LABEL_TASK).scenario == "refund"


def test_accents_get_one_form() -> None:
    draft = checked("cafe\u0301", "a")
    assert draft.prompt[0]["content"] == "caf\u00e9"
    assert draft.changes == {"nfc"}


def test_languages_are_codes_not_text() -> None:
    with pytest.raises(Reject, match="unknown_language"):
        checked("ask", "a", language="call 555")


def test_licence_is_one_of_those_allowed_in_any_case() -> None:
    assert checked("ask", "a", licence="cc-by-4.0").licence == "CC-BY-4.0"
    with pytest.raises(Reject, match="licence"):
        checked("ask", "a", licence="CC-BY-NC-4.0")


def test_pair_needs_a_difference() -> None:
    with pytest.raises(Reject, match="pair_without_difference"):
        checked("ask", "refund", LABEL_TASK, rejected="refund")


def test_rejected_may_be_anything() -> None:
    assert checked("ask", "refund", LABEL_TASK, rejected="pizza").rejected == "pizza"
