"""What a draft must pass."""

import json
from typing import Any

import pytest

from lib.core.params import TaskParams
from lib.curate.checks import Checks, one_label
from lib.curate.draft import Draft
from lib.curate.language import primary_language
from lib.curate.params import CurateParams
from lib.curate.tidy import tidy
from lib.intake.cells import Reject
from lib.intake.turns import user
from lib.pii.params import PiiParams
from tests.pii.test_secrets import OTHER, TOKEN
from tests.toy import JSON_TASK, LABEL_TASK, TEXT_TASK

LIMITS = CurateParams(
    licenses=["CC0-1.0", "CC-BY-4.0"],
    min_chars=2,
    languages=[],
    max_tokens=20,
    pii=PiiParams(entities=[], regions=[], score=0.35),
)

ONLY_ENGLISH = LIMITS.model_copy(update={"languages": ["en"]})


def count_words(text: str) -> int:
    return len(text.split())


def checked(
    asked: str,
    answer: str,
    task: TaskParams = TEXT_TASK,
    limits: CurateParams = LIMITS,
    **fields: Any,
) -> Draft:
    draft = Draft([user(asked)], answer, **{"license": "CC0-1.0"} | fields)
    Checks(task, limits, count_words)(draft)
    return draft


@pytest.mark.parametrize(
    ("asked", "answer", "task", "reason"),
    [
        (" \n", "a", TEXT_TASK, "empty"),
        ("q", "a", TEXT_TASK, "too_short"),
        ("q " * 30, "a", TEXT_TASK, "too_long"),
        ("half \ud83d", "a", TEXT_TASK, "damaged_text"),
        ("lost \ufffd", "a", TEXT_TASK, "damaged_text"),
        ("bell\x07", "a", TEXT_TASK, "damaged_text"),
        ('{"q": "half \\ud83d"}', "a", TEXT_TASK, "damaged_text"),
        ("ask", '{"intent": "setup", "urgency": "half \\ud83d"}', JSON_TASK, "damaged_text"),
        ("ask", '{"intent": "setup", "urgency": "a\\u0000b"}', JSON_TASK, "damaged_text"),
        ("cafÃ© con leche", "a", TEXT_TASK, "mojibake"),
        ("ask", json.dumps({"intent": "setup", "urgency": "cafÃ© solo"}), JSON_TASK, "mojibake"),
        ("è·¯ç”±å™¨", "a", TEXT_TASK, "mojibake"),
        ("Dear {{first_name}}", "a", TEXT_TASK, "unfilled_template"),
        ("ask", "Dear [Your Name],", TEXT_TASK, "unfilled_template"),
        (f"key {TOKEN}", "a", TEXT_TASK, "secret"),
        ("ask", json.dumps({"intent": "setup", "urgency": f"key\n{OTHER}"}), JSON_TASK, "secret"),
        ("ask", "As an AI language model, I have no router.", TEXT_TASK, "boilerplate"),
        ("ask", "delivery", LABEL_TASK, "unknown_label"),
        ("ask", "refund", JSON_TASK, "answer_not_json"),
        ("ask", '["refund"]', JSON_TASK, "wrong_fields"),
        ("ask", '{"intent": "refund"}', JSON_TASK, "wrong_fields"),
        ("ask", '{"intent": "x", "intent": "setup", "urgency": "low"}', JSON_TASK, "wrong_fields"),
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


def test_open_values_of_a_json_answer_are_tidied() -> None:
    draft = checked(
        "ask", json.dumps({"intent": "setup", "urgency": "cafe\u0301\u200b "}), JSON_TASK
    )
    assert json.loads(draft.chosen)["urgency"] == "caf\u00e9"
    assert {"nfc", "invisible_removed", "spaces_trimmed"} < draft.changes


@pytest.mark.parametrize(("text", "reason"), [("gr\udcf6", "not_utf8"), ("a\x07", "damaged_text")])
def test_tags_and_groups_may_be_damaged_too(text: str, reason: str) -> None:
    for tags, groups in (([text], []), ([], [text])):
        with pytest.raises(Reject, match=reason):
            checked("ask", "a", tags=tags, groups=groups)


def test_labels_of_the_data_are_one_line() -> None:
    task = LABEL_TASK.model_copy(update={"labels": []})
    assert checked("ask", "pizza", task).scenario == "pizza"
    for text in ("I think\nit is pizza", "p" * 101):
        with pytest.raises(Reject, match="unknown_label"):
            checked("ask", text, task)


def test_label_is_the_scenario() -> None:
    assert checked("ask", "refund", LABEL_TASK).scenario == "refund"


def test_accents_get_one_form() -> None:
    draft = checked("cafe\u0301", "a")
    assert draft.prompt[0]["content"] == "caf\u00e9"
    assert draft.changes == {"nfc"}


def test_languages_are_codes_not_text() -> None:
    with pytest.raises(Reject, match="unknown_language"):
        checked("ask", "a", language="call 555")


def test_license_is_one_of_those_allowed_in_any_case() -> None:
    assert checked("ask", "a", license="cc-by-4.0").license == "CC-BY-4.0"
    with pytest.raises(Reject, match="license"):
        checked("ask", "a", license="CC-BY-NC-4.0")


@pytest.mark.parametrize(
    ("text", "kept", "changes"),
    [
        ("a\u200bb\u202ec\ufeff \u2066d\u2069", "abc d", {"invisible_removed"}),
        ("می\u200cخواهم 👩\u200d👩\u200d👧", "می\u200cخواهم 👩\u200d👩\u200d👧", set()),
        ("🏴\U000e0067\U000e0062\U000e007f hi", "🏴\U000e0067\U000e0062\U000e007f hi", set()),
        ("hi\U000e0067\U000e0062", "hi", {"invisible_removed"}),
    ],
)
def test_characters_that_nobody_sees_go_but_joiners_stay(
    text: str, kept: str, changes: set[str]
) -> None:
    draft = checked(text, "a")
    assert (draft.prompt[0]["content"], draft.changes) == (kept, changes)


FRENCH = "Bonjour, ma caméra ne fonctionne plus depuis hier soir."


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        (FRENCH, "en"),
        (FRENCH, ""),
        ("My camera is broken.", "fr"),
        ("私のカメラが動きません。", ""),
    ],
)
def test_other_languages_go(asked: str, language: str) -> None:
    with pytest.raises(Reject, match="language"):
        checked(asked, "setup", LABEL_TASK, ONLY_ENGLISH, language=language)


@pytest.mark.parametrize("asked", ["ok", "CMP-3300", "🙂🙂", "Où?", "paketim"])
def test_language_that_is_not_sure_stays(asked: str) -> None:
    assert checked(asked, "setup", LABEL_TASK, ONLY_ENGLISH).language == ""


def test_sure_language_fills_an_empty_one() -> None:
    draft = checked("Hello, my camera is offline again.", "setup", LABEL_TASK, ONLY_ENGLISH)
    assert (draft.language, draft.changes) == ("en", {"language_found"})


def test_script_and_country_do_not_matter() -> None:
    limits = LIMITS.model_copy(update={"languages": ["zh", "nb"]})
    assert checked("路由器又坏了，请帮我看看。", "a", limits=limits, language="zh-Hans").language
    assert checked("Hei, kameraet mitt virker ikke siden i går.", "a", limits=limits, language="nb")


def test_refusal_of_the_task_is_no_boilerplate() -> None:
    refusal = "I'm sorry, but I can't help with that."
    task = TEXT_TASK.model_copy(update={"refusal": refusal})
    assert checked("how do I pick a lock?", refusal, task).chosen == refusal


def test_pair_needs_a_difference() -> None:
    with pytest.raises(Reject, match="pair_without_difference"):
        checked("ask", "refund", LABEL_TASK, rejected="refund")


def test_rejected_may_be_anything() -> None:
    assert checked("ask", "refund", LABEL_TASK, rejected="pizza").rejected == "pizza"


@pytest.mark.parametrize("sign", ["\r", "\r\r\n", "\f", "\v", "\x85", "\u2028", "\u2029"])
def test_signs_that_end_a_line_elsewhere_become_newlines(sign: str) -> None:
    draft = Draft(prompt=[user(f"one{sign}two")], chosen="refund", license="MIT")
    assert tidy(draft.prompt[0]["content"], draft.changes) == "one\ntwo"
    assert draft.changes == {"line_ends"}


@pytest.mark.parametrize(
    ("answer", "labels", "label"),
    [
        ("True", [], "true"),
        ("1.0", [], "1"),
        ("TRUE", ["True", "False"], "True"),
        ("2.0", ["1", "2"], "2"),
        ("Refund", ["refund"], "refund"),
        ("a", ["A", "a"], "a"),
        ("Refund", [], "Refund"),
        ("v1.05", [], "v1.05"),
    ],
)
def test_a_label_has_one_form(answer: str, labels: list[str], label: str) -> None:
    assert one_label(answer, labels) == label


@pytest.mark.parametrize(
    ("code", "same"),
    [("eng", "en"), ("eng_Latn", "en"), ("deu", "de"), ("zho", "zh"), ("und", ""), ("EN-us", "en")],
)
def test_codes_of_one_language_are_the_same(code: str, same: str) -> None:
    assert primary_language(code) == same
