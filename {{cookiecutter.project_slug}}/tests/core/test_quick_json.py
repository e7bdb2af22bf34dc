"""What orjson reads and writes for us is what the json module would."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.record_lines import content_json, object_text, record_line
from lib.core.strict_json import DECODER, UNSURE, Doubled, quick
from tests.toy import chat, dialogue, pair

TEXTS = st.text(st.characters(), max_size=8) | st.sampled_from(["a", '":', " :", "\\", '"', "é 🙂"])
WRITABLE = TEXTS.filter(lambda text: not re.search("[\ud800-\udfff]", text))  # as UTF-8
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(TEXTS, VALUES, max_size=4), st.booleans(), st.sampled_from([":", " :", ": "])
)
def test_what_is_read_for_sure_is_what_json_reads(
    value: dict[str, Any], ascii: bool, colon: str
) -> None:
    text = json.dumps(value, ensure_ascii=ascii, separators=(",", colon))
    found = quick(text.encode("utf-8", "surrogatepass"))
    assert found is UNSURE or repr(found) == repr(DECODER.decode(text))


@pytest.mark.parametrize(
    "text",
    [
        *('{"a": 1, "a": 2}', '{"a":1, "a" :2}', '{"b": {"a": 1, "\\u0061": 2}}', '{"a\\\\": 1}'),
        *('{"a": NaN}', '{"a": 123456789012345678901}', '{"a": "\\ud83d"}', '{"a": 1', "[1]"),
        *('{"a": ' + "[" * 101 + "]" * 101 + "}", '{"a": [{"b": 1, "b": 1}]}', '\ufeff{"a": 1}'),
    ],
)
def test_what_may_be_read_otherwise_is_left_to_json(text: str) -> None:
    assert quick(text.encode()) is UNSURE


def test_a_plain_row_is_read_for_sure() -> None:
    row = {"a": 'he said: "no":', "b": [{"c": 1.5, "d": None}], "é": -7}
    assert quick(json.dumps(row).encode()) == row
    assert not isinstance(quick(b'{"a": 1}'), Doubled)


@given(st.lists(WRITABLE, min_size=2, max_size=4), st.lists(WRITABLE, max_size=2))
def test_a_record_is_written_as_json_writes_it(texts: list[str], tags: list[str]) -> None:
    for record in (dialogue(*texts, tags=tags), pair(texts[0], texts[1], "x", tags=tags)):
        assert record_line(record) == json.dumps(record, ensure_ascii=False) + "\n"
    record = dialogue(*texts)
    content = [record.get(key) for key in ("messages", "prompt", "chosen", "rejected")]
    written = json.dumps(content, ensure_ascii=False, sort_keys=True).encode()
    assert content_json(content) == written
    values = {text: text for text in texts}
    assert object_text(values) == json.dumps(values, ensure_ascii=False)


def test_a_record_with_more_keys_is_written_whole() -> None:
    record: Any = chat("a") | {"tools": [{"name": "b"}]}
    assert json.loads(record_line(record)) == record
    turns: Any = [{"role": "user", "content": "a", "weight": 0}]
    assert json.loads(content_json([turns, None, None, None])) == [turns, None, None, None]
