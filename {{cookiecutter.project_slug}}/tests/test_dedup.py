"""Copies go, one of each group stays, and every dropped row says what it copies."""

from pathlib import Path
from typing import Any

import pytest

from lib.records import Record
from stages.dedup import main
from tests.toy import case, chat, lay_out, metrics, pair, rows

LONG = "my router blinks red since the last update of its firmware"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def dedup(*records: Record, **evals: Any) -> list[str]:
    """Run the stage; return the prompts that stay."""
    lay_out(Path(), curated=list(records), **evals)
    main()
    return [
        (record.get("prompt") or record["messages"])[0]["content"]
        for record in rows("data/deduped.jsonl")
    ]


def test_exact_copies() -> None:
    first = chat("Where is it?")
    assert dedup(first, chat("other"), chat("where is  it")) == ["Where is it?", "other"]
    (copy,) = rows("data/duplicates.jsonl")
    assert (copy["reason"], copy["kept"], copy["similarity"]) == ("exact_copy", first["id"], 1.0)


def test_near_copies_keep_the_longest() -> None:
    longer = chat(LONG + " today")
    assert dedup(chat(LONG), longer) == [LONG + " today"]
    (copy,) = rows("data/duplicates.jsonl")
    assert (copy["reason"], copy["kept"], copy["similarity"]) == ("near_copy", longer["id"], 0.9091)


def test_chinese_near_copies() -> None:
    text = "我的路由器从上次更新以后一直闪红灯"
    assert dedup(chat(text), chat(text + "了")) == [text + "了"]


def test_other_answer_is_no_copy_but_counted() -> None:
    assert len(dedup(chat(LONG, "refund"), chat(LONG + " today", "setup"))) == 2
    assert metrics("dedup")["conflicting_pairs"] == 1


def test_chat_and_pair_with_one_prompt_both_stay() -> None:
    assert len(dedup(chat(LONG), pair(LONG, "refund", "setup"))) == 2


def test_pairs_with_another_rejected_answer_both_stay() -> None:
    assert len(dedup(pair(LONG, "refund", "setup"), pair(LONG, "refund", "pizza"))) == 2


def test_copied_pairs() -> None:
    assert len(dedup(pair(LONG, "refund", "setup"), pair(LONG + "!", "refund", "setup"))) == 1


def test_copies_of_evals_always_lose() -> None:
    kept = dedup(
        chat(LONG), chat("other"), golden=[case("g1", LONG)], adversarial=[case("x1", "other")]
    )
    assert kept == []
    found = [(row["reason"], row["kept"]) for row in rows("data/duplicates.jsonl")]
    assert found == [("golden_copy", "g1"), ("adversarial_copy", "x1")]


def test_a_row_that_quotes_a_case_goes() -> None:
    quoting = chat(f"Hello, it is me again. {LONG}. Nobody has answered me for weeks, please do.")
    assert dedup(quoting, golden=[case("c1", LONG)]) == []
    assert metrics("dedup")["dropped"] == {"golden_copy": 1}


def test_near_copy_of_a_dropped_row_goes_by_its_own_similarity() -> None:
    far = "my router blinks red since the last update of its firmware and I am cold"
    assert dedup(chat(far), golden=[case("g1", LONG)]) == []


def test_published_rows_stay_and_win() -> None:
    rows_in = [chat(LONG + " today"), chat(LONG, split="test"), chat(LONG + "!", split="test")]
    assert dedup(*rows_in, golden=[case("g1", LONG)]) == [LONG, LONG + "!"]


def test_nothing_to_do() -> None:
    assert dedup() == []


def test_ledger_balances() -> None:
    dedup(chat("one"), chat("one", source="data/raw/b"), chat("two"))
    found = metrics("dedup")
    assert (found["rows_in"], found["rows_kept"], found["dropped"]) == (3, 2, {"exact_copy": 1})
    assert found["sources"]["data/raw/b"]["rows_kept"] == 0


def test_same_for_any_number_of_processes() -> None:
    lay_out(Path(), curated=[chat(f"{LONG} {at % 40} {at % 7}") for at in range(2100)])
    main()
    one = Path("data/deduped.jsonl").read_bytes()
    params = Path("params.yaml")
    params.write_text(params.read_text().replace("processes: 1", "processes: 2"))
    main()
    assert Path("data/deduped.jsonl").read_bytes() == one
