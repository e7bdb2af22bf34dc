"""Records: their id, their parts, their files."""

from pathlib import Path
from typing import Any

import pytest

from lib.core.records import (
    answers_of,
    prompt_of,
    prompt_texts,
    read_objects,
    read_records,
    record_id,
    text_of,
    write_records,
)
from lib.runtime.errors import UserError
from tests.toy import chat, dialogue, pair


def test_id_is_of_the_content_alone() -> None:
    assert record_id(chat("q", source="a", group="g")) == record_id(chat("q", source="b"))
    assert record_id(chat("q")) != record_id(chat("q", "setup"))


def test_id_stays_what_it_was() -> None:
    assert record_id(chat("où est 我的 router?")) == "84c894831d52e26c"


def test_parts_of_a_chat() -> None:
    record = chat("q", "a")
    assert (text_of(prompt_of(record)), answers_of(record)) == ("q", ["a"])


def test_parts_of_a_pair() -> None:
    record = pair("q", "a", "b")
    assert (text_of(prompt_of(record)), answers_of(record)) == ("q", ["a", "b"])


def test_prompts_of_a_chat_are_all_that_it_answers() -> None:
    assert prompt_texts(chat("q", "a")) == ["q"]
    assert prompt_texts(dialogue("q", "a", "r", "b")) == ["q", "r", "q\na\nr"]


def test_there_and_back(tmp_path: Path) -> None:
    records = [chat("我的\u2028router", split="val"), pair("q", "a", "b")]
    assert write_records(tmp_path / "r.jsonl", records) == 2
    assert list(read_records(tmp_path / "r.jsonl")) == records


def test_missing_file_says_what_writes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not found; `dvc repro` runs the stage that writes it"):
        list(read_records(tmp_path / "r.jsonl"))


@pytest.mark.parametrize(
    "changes",
    [
        {"messages": None},
        {"messages": []},
        {"messages": ["q"]},
        {"messages": [{"role": "user"}]},
        {"prompt": [{"role": "user", "content": "q"}], "messages": None, "chosen": "a"},
        {"id": 7},
        {"source": None},
        {"groups": None},
    ],
)
def test_what_is_no_record_any_more_is_named_with_its_line(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    given: dict[str, Any] = {**chat("q"), **changes}
    changed = {key: value for key, value in given.items() if value is not None}
    write_records(tmp_path / "r.jsonl", [chat("q"), changed])
    with pytest.raises(UserError, match=r"r\.jsonl:2: is not a record; .*`dvc repro` writes"):
        list(read_records(tmp_path / "r.jsonl"))


@pytest.mark.parametrize("line", ["[]", "null", '"text"'])
def test_what_is_no_object_is_named_with_its_line(line: str, tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text("{}\n" + line)
    with pytest.raises(UserError, match=r"r\.jsonl:2: is not a JSON object; `dvc repro` "):
        list(read_objects(tmp_path / "r.jsonl"))


def test_broken_file_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text("{}\n{")
    with pytest.raises(UserError, match=r"r\.jsonl:2: is not JSON"):
        list(read_objects(tmp_path / "r.jsonl"))
