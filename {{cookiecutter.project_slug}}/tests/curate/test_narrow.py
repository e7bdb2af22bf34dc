"""A check drops what is nothing else, and can be switched off."""

import pytest

from lib.curate.boilerplate import only_boilerplate
from lib.curate.checks import Checks
from lib.curate.draft import Draft
from lib.curate.params import CurateParams
from lib.curate.templates import hole_in_row
from lib.curate.tidy import is_misread
from lib.intake.cells import Reject
from lib.intake.turns import user
from tests.toy import TEXT_TASK

PII = {"entities": [], "regions": [], "score": 0.5}


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't assist with that.",
        "I'm sorry. I cannot help with making locks. Let me know if you need anything else.",
        "As an AI language model, I don't have a garden. Is there anything else?",
        "抱歉，我无法提供这方面的帮助。",
        "Es tut mir leid, das kann ich nicht.",
    ],
)
def test_nothing_but_a_refusal(answer: str) -> None:
    assert only_boilerplate(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "I can't help but smile at the cat; it sleeps in the sink.",
        "Sorry, I can't help you paint today. Monday is free, bring the ladder.",
        "As an AI, I do not eat, but rye bread needs a sour dough.",
        "I cannot answer that. The museum opens at ten, and its staff knows the painter.",
        "The lamp is sold as an AI assistant for desks.",
        "我们把它作为语言模型使用。",
    ],
)
def test_an_answer_that_begins_like_one(answer: str) -> None:
    assert not only_boilerplate(answer)


@pytest.mark.parametrize(
    ("asked", "answer", "hole"),
    [
        ("Dear {{ first }}, where is my lamp?", "On its way.", "{{ first }}"),
        ("{{question}}", "Yes.", "{{question}}"),
        ("Where is my lamp?", "On its way. Yours, [Your Name]", "[Your Name]"),
        ("Why does {{ item }} print nothing in my loop?", "Quote {{ item }}.", ""),
        ("Write a letter of thanks.", "Dear Ann, thanks. [Your Name]", ""),
        ("Make this kinder: I wait, [Customer Name], since May.", "Dear [Customer Name], ...", ""),
        ("Que signifie lorem ipsum?", "Nothing.", ""),
    ],
)
def test_a_template_that_nobody_filled(asked: str, answer: str, hole: str) -> None:
    assert hole_in_row([asked], [answer]) == hole


@pytest.mark.parametrize(
    ("text", "misread"),
    [
        ("Der TÃ¼rgriff lÃ¤sst sich nicht drehen", True),
        ("All is well here.\nDer TÃ¼rgriff lÃ¤sst sich nicht drehen", True),
        ("Why is it Ã¼ where I wrote ü?", False),
        ("Which encoding turns a quote into â€™?", False),
        ("AÇÃO É REAÇÃO", False),
        ("Is Ã a letter of Portuguese?", False),
    ],
)
def test_text_that_was_misread(text: str, misread: bool) -> None:
    assert is_misread(text) == misread


@pytest.mark.parametrize(
    ("answer", "switch"),
    [
        ("I'm sorry, but I can't assist with that.", {"boilerplate": "keep"}),
        ("Yours, [your name]", {"unfilled_template": "keep"}),
        ("Der TÃ¼rgriff", {"mojibake": "keep"}),
        ("Der TÃ¼rgriff", {"mojibake": "repair"}),
    ],
)
def test_a_check_can_be_switched_off(answer: str, switch: dict[str, str]) -> None:
    def check(**more: str) -> Draft:
        given = {"licenses": ["MIT"], "languages": [], "min_chars": 1, "max_tokens": 99, "pii": PII}
        draft = Draft(prompt=[user("Where is it?")], chosen=answer, license="MIT")
        params = CurateParams.model_validate(given | more)
        Checks(TEXT_TASK, params, len)(draft)
        return draft

    with pytest.raises(Reject):
        check()
    repaired = "Der Türgriff" if switch.get("mojibake") == "repair" else answer
    assert check(**switch).chosen == repaired
