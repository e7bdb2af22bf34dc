"""Pages show what they are given and run nothing of it."""

import json
from html.parser import HTMLParser

from lib.report.page import Html, bar, data, escaped, page, table

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&<!--"


class Tags(HTMLParser):
    """The tags of a page and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_text_is_escaped_and_markup_stays() -> None:
    assert escaped("<b>") == "&lt;b&gt;"
    assert escaped(Html("<b>")) == "<b>"


def test_a_hostile_text_is_shown_and_not_run() -> None:
    found = Tags(page(HOSTILE, [table([HOSTILE], [[HOSTILE, HOSTILE]]), HOSTILE]))
    assert "img" not in found.tags
    assert HOSTILE in found.texts


def test_data_ends_no_element_and_comes_back() -> None:
    value = {"output": HOSTILE, "文": "🚪\u2028"}
    text = data("cases", value)
    assert text.count("<") == 2
    assert json.loads(text[text.index(">") + 1 : text.rindex("<")]) == value


def test_the_policy_allows_the_script_and_no_other() -> None:
    one, other = page("T", [], script="a()"), page("T", [], script="b()")
    assert "script-src 'sha256-" in one
    assert one.split("'sha256-")[1][:44] != other.split("'sha256-")[1][:44]


def test_a_bar_tells_its_numbers() -> None:
    texts = Tags(bar(0.5, 0.4, 0.625)).texts
    assert "".join(texts) == "50.0% 40.0% to 62.5%"
