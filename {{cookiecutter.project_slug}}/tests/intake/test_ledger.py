"""Rows in are rows kept or rows dropped."""

import pytest

from lib.intake.ledger import Ledger


def test_balanced() -> None:
    ledger = Ledger()
    for _ in range(3):
        ledger.enter("a")
    ledger.keep("a")
    ledger.drop("a", "late")
    ledger.drop("a", "early")
    account = {"rows_in": 3, "rows_kept": 1, "dropped": {"early": 1, "late": 1}}
    assert ledger.close() == {**account, "sources": {"a": account}}


def test_lost_row_is_a_bug() -> None:
    ledger = Ledger()
    ledger.enter("a")
    with pytest.raises(AssertionError, match="a: 1 rows in, 0 kept, 0 dropped"):
        ledger.close()


def test_summary_reads() -> None:
    ledger = Ledger()
    ledger.enter("a")
    ledger.drop("a", "empty")
    assert ledger.summary("curate") == "curate: 1 rows in, 0 kept; dropped 1 empty"
