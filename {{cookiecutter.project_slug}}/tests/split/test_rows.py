"""Rows in columns are the records that they were made of, without their texts."""

from typing import Any

import numpy as np

from lib.cases.groups import recurring
from lib.core.records import is_pair
from lib.split.rows import read_split_rows


def record(name: str, **more: Any) -> Any:
    alike: dict[str, Any] = {
        "scenario": "refund",
        "language": "en",
        "tags": ["emoji"],
        "source": "a.jsonl",
    }
    alike |= {"license": "CC0-1.0", "split": None, "groups": [name]}
    return {"id": name, "messages": [{"role": "user", "content": "hi"}], **alike, **more}


RECORDS = [
    record("00000000000000a1"),
    record("00000000000000a2", groups=["customer:顧客 7 🙂", "x"], tags=["short", "emoji"]),
    record("3", split="test", language="zh"),
    record("00000000000000a4", chosen="yes", rejected="no", groups=["x"]),
]


def test_each_row_is_made_again() -> None:
    rows = read_split_rows(RECORDS)
    for row, made in zip(RECORDS, rows, strict=True):
        assert is_pair(made) == is_pair(row)
        assert list(made["groups"]) == row["groups"]
        told = ("id", "scenario", "language", "tags", "source", "license", "split")
        assert [made[name] for name in told] == [row[name] for name in told]  # type: ignore[literal-required]
    assert rows[2] == list(rows)[2]


def test_rows_are_taken_in_any_order_and_again() -> None:
    taken = read_split_rows(RECORDS).take(np.array([2, 0, 0]))
    assert [row["id"] for row in taken] == ["3", "00000000000000a1", "00000000000000a1"]
    assert [row["id"] for row in taken[1:]] == ["00000000000000a1"] * 2


def test_none_are_rows_too() -> None:
    assert not read_split_rows([])
    assert recurring(lambda: []) == set()


def test_groups_that_several_rows_have() -> None:
    assert recurring(lambda: (row["groups"] for row in RECORDS)) == {"x"}
