"""A dropped row can be found, understood and mended, and shows nothing personal and no secret."""

import json
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from lib.curate.rejected import Rejected
from lib.intake.cells import Reject
from lib.intake.ledger import Ledger
from lib.pii.params import PiiParams
from lib.pii.redact import Finder
from stages.curate import main
from tests.curating import TOKEN, ask, lay_raw, raw, said
from tests.toy import rows

AWS = "q8Zt3LmN0pR5vX2yB7cD" + "4fG6hJ1kW9sT8uAeIoPd"  # 40 characters


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lay_raw(tmp_path)


def test_rejected_rows_can_be_found_again() -> None:
    raw(ask("fine"), ask("two", "pizza"))
    main()
    (row,) = rows("data/rejected.jsonl")
    assert (row["file"], row["line"], row["reason"]) == ("data/raw/a.jsonl", 2, "unknown_label")
    assert json.loads(row["text"]) == ask("two", "pizza")
    assert row["found"] == "pizza"


def test_what_was_found_in_a_rejected_row_is_masked_too() -> None:
    label = f"{'x' * 90} ana@example.com {TOKEN}"
    raw(ask("fine"), ask("two", "ana@example.com"), ask("three", label), ask("four", TOKEN))
    main()
    found = [row["found"] for row in rows("data/rejected.jsonl")]
    assert found[0] == "<EMAIL_ADDRESS_1>"
    assert len(found[1]) <= 100
    written = Path("data/rejected.jsonl").read_text(encoding="utf-8")
    assert "ana@" not in written
    assert TOKEN[:9] not in written


def test_a_word_before_what_was_found_does_not_make_it_harmless() -> None:
    finder = Finder(PiiParams(entities=["IP_ADDRESS"], regions=[], score=0.35))
    file, ledger = StringIO(), Ledger()
    ledger.enter("a")
    gone = Rejected(file, ledger, finder)
    gone.add("a", 1, "unknown_label", {"version": "10.1.2.3"}, ("version", "10.1.2.3"))
    assert json.loads(file.getvalue())["found"] == "version, <IP_ADDRESS_1>"
    assert gone.first["a"] == "line 1: unknown_label, version, <IP_ADDRESS_1>"


@pytest.mark.parametrize("value", [date(2026, 1, 2), Decimal("1.5"), b"\xff", float("nan")])
def test_any_value_of_a_table_can_be_written_down(value: Any) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    raw(ask("fine"))
    table = {"prompt": ["a", "b"], "completion": ["refund", "pizza"], "note": [value, value]}
    parquet.write_table(pyarrow.table(table), "data/raw/b.parquet")
    main()
    (row,) = rows("data/rejected.jsonl")
    assert row["found"] == "pizza"
    assert "NaN" not in row["text"]


def test_bytes_that_are_no_utf8_can_be_told_from_the_rejected_row() -> None:
    Path("data/raw/old.csv").write_bytes(b"prompt,completion\nf\xfcr mich,refund\nok,refund\n")
    main()
    (row,) = rows("data/rejected.jsonl")
    assert json.loads(row["text"])["prompt"] == "f\\udcfcr mich"


def test_a_row_in_another_language_says_in_which() -> None:
    raw(ask("fine"), ask("Où est donc ma commande, que j'ai passée il y a deux semaines ?"))
    main()
    (row,) = rows("data/rejected.jsonl")
    assert (row["reason"], row["found"]) == ("language", "fr")


@pytest.mark.parametrize(
    ("asked", "license"),
    [
        ([f"key {TOKEN[:9]}\u200b{TOKEN[9:]}"], "CC0-1.0"),
        ([f"key {TOKEN[:9]}\u200d{TOKEN[9:]}"], "CC0-1.0"),
        (["aws_secret_access_key =", AWS], "CC0-1.0"),
        (["aws_secret_access_key =", AWS], "GPL-3.0"),
        ([f"key {TOKEN[:9]}\u200d{TOKEN[9:]}"], "GPL-3.0"),
    ],
)
def test_no_secret_stands_in_the_rejected_rows(asked: list[str], license: str) -> None:
    texts = asked if len(asked) > 1 else [*asked, "refund"]
    turns = [said(role, text) for role, text in zip(("user", "assistant"), texts, strict=True)]
    raw(ask("fine"), {"messages": turns, "license": license})
    main()
    written = Path("data/rejected.jsonl").read_text(encoding="utf-8")
    assert '"reason": "secret"' in written or '"reason": "license"' in written
    assert TOKEN[9:] not in written
    assert AWS not in written
    assert "<SECRET>" in written


def test_bytes_are_read_before_they_are_masked() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    raw(ask("fine"))
    notes = ["电话13812345678".encode(), b"ana@example.com"]
    table = {"prompt": ["a", "b"], "completion": ["refund", "pizza"], "note": notes}
    parquet.write_table(pyarrow.table(table), "data/raw/b.parquet")
    main()
    (row,) = rows("data/rejected.jsonl")
    assert "<EMAIL_ADDRESS_1>" in row["text"]


def test_a_row_that_cannot_be_read_stays_as_it_was_but_for_what_is_masked() -> None:
    raw(ask("fine"), r'{"prompt": "a \"quoted\"\nana@example.com"')
    main()
    (row,) = rows("data/rejected.jsonl")
    assert row["text"] == r'{"prompt": "a \"quoted\"\n<EMAIL_ADDRESS_1>"'


def test_what_the_row_tells_to_be_a_secret_is_masked_in_what_was_found() -> None:
    file, ledger = StringIO(), Ledger()
    ledger.enter("a")
    finder = Finder(PiiParams(entities=["IP_ADDRESS"], regions=[], score=0.35))
    gone = Rejected(file, ledger, finder)
    gone.add("a", 1, "unknown_label", {"aws_secret_access_key": AWS}, ("key", AWS))
    assert AWS not in file.getvalue()
    assert AWS not in str(gone.first)


def test_what_was_found_may_be_a_number() -> None:
    assert Reject("not_text", 3, "mapping").found == ("3", "mapping")
