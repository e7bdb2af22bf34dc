"""Pages show what they are given and run nothing of it."""

import json
from html.parser import HTMLParser
from typing import Any

import pytest

from lib.report.pages import TEMPLATES, render_page, share_cell

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&<!--"
TABLE = """{% from "macros.html.jinja" import table %}{{ table(head, rows) }}
<script type="application/json" id="data">{{ data | tojson }}</script>"""


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


@pytest.fixture
def shown(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A page with a table and data, in a folder of its own."""
    for path in TEMPLATES.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    body = '{% extends "base.html.jinja" %}{% block body %}' + TABLE + "{% endblock %}"
    (tmp_path / "toy.html.jinja").write_text(body, encoding="utf-8")
    for name in ("a", "b"):
        (tmp_path / f"{name}.js").write_text(f"{name}()", encoding="utf-8")
    monkeypatch.setattr("lib.report.pages.TEMPLATES", tmp_path)

    def page(title: str = "T", script: str = "", **values: Any) -> str:
        return render_page("toy", title, script, **{"head": [], "rows": [], "data": 0} | values)

    return page


def test_a_hostile_text_is_shown_and_not_run(shown: Any) -> None:
    found = Tags(shown(HOSTILE, head=[HOSTILE], rows=[[HOSTILE, HOSTILE]]))
    assert "img" not in found.tags
    assert found.texts.count(HOSTILE) == 5


def test_data_ends_no_element_and_comes_back(shown: Any) -> None:
    value = {"output": HOSTILE, "文": "🚪\u2028"}
    text = shown(data=value)
    text = text[text.index('id="data">') + 10 : text.rindex("</script>")]
    assert "<" not in text
    assert json.loads(text) == value


def test_the_policy_allows_the_script_and_no_other(shown: Any) -> None:
    one, other = shown(script="a.js"), shown(script="b.js")
    assert "<script>a()</script>" in one
    assert one.split("'sha256-")[1][:44] != other.split("'sha256-")[1][:44]


def test_cells_of_a_table(shown: Any) -> None:
    text = shown(rows=[["a", 1234, share_cell(0.5, 0.4, 0.625), "b"]])
    assert '<td class="number">1,234</td>' in text
    assert "50.0% 40.0% to 62.5%" in "".join(Tags(text).texts)
