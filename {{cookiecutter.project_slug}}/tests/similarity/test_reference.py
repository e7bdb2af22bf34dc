"""datasketch's own MinHash and index, as an engine, leave the records that our search leaves."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from lib.core.records import Record
from lib.core.strict_json import loads
from lib.runtime.errors import UserError
from stages.dedup import main
from tests.toy import PARAMS, chat, lay_out, pair, rows

RAW = Path(__file__).parents[2] / "data/raw/tickets_chat.jsonl"
REFERENCE = PARAMS.replace("processes: 1", "processes: 1, engine: datasketch")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def sample() -> list[Record]:
    """The first tickets of the sample that are whole."""
    found = []
    for line in RAW.read_text(encoding="utf-8").splitlines()[:600]:
        try:
            asked, answer = (turn["content"] for turn in json.loads(line)["messages"])
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(asked, str) and isinstance(answer, str) and "\ud83d" not in asked:
            found.append(chat(asked, answer))
    return found


def corpus() -> list[Record]:
    """Texts of invented words, and copies with one to eight words changed; some are pairs."""
    draw = np.random.default_rng(5)
    found: list[Record] = []
    for _ in range(150):
        words = [f"w{at}" for at in draw.integers(0, 5000, 40)]
        found.append(chat(" ".join(words)))
        for at in draw.integers(0, 40, int(draw.integers(0, 9))):
            words[at] = "other"
        found.append(chat(" ".join(words)))
        if len(found) % 20 == 0:
            found += [pair(" ".join(words), "a b c", "no"), pair(" ".join(words), "no", "a b c")]
    return found


@pytest.mark.parametrize("records", [sample, corpus])
def test_the_engines_leave_the_same_records(records: object) -> None:
    found = []
    for params in (PARAMS, REFERENCE):
        lay_out(Path(), params, curated=records())  # type: ignore[operator]
        main()
        found.append([row["id"] for row in rows("data/deduped.jsonl")])
    assert found[0] == found[1]
    assert 0 < len(found[0]) < len(records())  # type: ignore[operator]


def test_a_missing_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasketch", None)
    lay_out(Path(), REFERENCE, curated=[chat("a")])
    with pytest.raises(UserError, match=r"datasketch needs .*; `pip install '\.\[data\]'`"):
        main()


def test_numbers_of_a_call_are_not_rounded() -> None:
    line = json.dumps({"tool_calls": [{"arguments": {"id": 123456789012345678901}}]})
    assert loads(line.encode()) == loads(line) == json.loads(line)
