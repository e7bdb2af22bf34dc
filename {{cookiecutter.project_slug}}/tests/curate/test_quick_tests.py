"""The quick tests before a search let nothing pass that the search would find."""

import json
import re

import pytest
from ftfy import fix_encoding
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lib.core.text import fold_case
from lib.curate.conflicts import PAUSE, hashed, input_key, parts
from lib.curate.templates import HELLO, UNFILLED, may_be_unfilled
from lib.curate.tidy import MAY_BE_MISREAD, WHOLE
from lib.pii.gates import ANY, HIDDEN_AT, SPOKEN_DOT, may_hold
from lib.pii.plain import PLAIN, as_plain
from tests.toy import chat

FIELDS = (
    *("{{name}}", "<%= name %>", "[your name]", "[Insert Date]", "[ihre Firma]", "[Customer name]"),
    *("【您的姓名】", "Dear {name}", "hola %s", "Hi __NAME__", "Dear [name]", "Guten Tag ${name}"),
    *(
        "TODO: write the answer here",
        "tbd: add the response",
        "FIXME fill in answer",
        "LOREM Ipsum",
    ),
    *("F\u0130XME: write answer", "nothing\nBonjour, {nom}"),
)


@pytest.mark.parametrize("text", FIELDS)
def test_every_field_passes(text: str) -> None:
    assert UNFILLED.search(text)
    assert may_be_unfilled(text)


@given(
    st.text(
        st.sampled_from("Dear {}[]%s_your nameTODO: lorem ipsum<=>\n您的姓名【】$"), max_size=40
    )
)
def test_a_text_that_does_not_pass_has_no_field(text: str) -> None:
    assert may_be_unfilled(text) or not UNFILLED.search(text)


READINGS = ("latin-1", "cp1252", "cp1251", "cp1250", "cp1253", "cp437", "mac-roman", "iso-8859-2")
LETTERS = st.text(st.sampled_from("äöüßéèñç ¿“”–’…€£日本語мирабв?\u00a0\ufffd\x1aÃÂ"), max_size=12)


@given(LETTERS, st.sampled_from(READINGS))
@example("à la", "latin-1")
def test_a_line_that_does_not_pass_is_not_misread(text: str, reading: str) -> None:
    for line in (
        text,
        text.encode().decode(reading, "ignore"),
        text.encode().decode(reading, "replace"),
    ):
        assert MAY_BE_MISREAD.search(line) or fix_encoding(line, WHOLE) == line


@given(st.text(st.sampled_from(["a", " ", "t", "(", ")", "好", *map(chr, PLAIN)]), max_size=8))
@example("(\uff41\uff54)")
def test_a_text_that_does_not_pass_holds_no_personal_data(text: str) -> None:
    assert may_hold(text) or not ANY.search(as_plain(text))


@given(st.text(st.sampled_from(" atdo([)]@7٣"), max_size=8))
@example(" dot a")
@example(" dot7")
def test_any_finds_a_digit_an_at_or_a_hidden_at(text: str) -> None:
    assert bool(ANY.search(text)) == bool(re.search(rf"[@\d]|{HIDDEN_AT}|{SPOKEN_DOT}", text))


@settings(deadline=None)  # the first call compiles a pattern
@given(st.text(st.sampled_from("aB_1 .,;:!?'\"-+\n\t\x1c<C#äßÉ¿¡¼µ\xad。好"), max_size=20))
def test_what_is_asked_has_one_key_in_any_script(text: str) -> None:
    said = PAUSE.sub(" ", fold_case(text).replace("\u2019", "'"))
    assert input_key(chat(text)) == hashed(" ".join(parts().findall(said)) or text)


def test_greetings_are_those_of_the_fields() -> None:
    assert re.match(HELLO, "hello ")
    assert not may_be_unfilled(json.dumps({"a": "hello {b}"}))
