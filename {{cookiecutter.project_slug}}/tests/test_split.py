"""Nothing crosses from train to what is held out, and the stage proves it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lib.errors import UserError
from lib.files import sha256
from lib.params.split import SplitParams
from lib.records import Record
from stages.split import assign, drawn, main, position
from tests.toy import PARAMS, case, chat, lay_out, metrics, pair, rows

SPLIT = SplitParams(seed=0, val=0.2, test=0.2, threshold=0.6, ngram=2, on_leak="fail")
NAMES = ("train", "val", "test")


def different(count: int) -> list[Record]:
    """Records that have nothing in common."""
    return [chat(f"red{at} blue{at} green{at}") for at in range(count)]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def split(*records: Record, on_leak: str = "fail", **evals: Any) -> dict[str, str]:
    """Run the stage; return the split of each record's id."""
    params = PARAMS.replace("on_leak: fail", f"on_leak: {on_leak}")
    lay_out(Path(), params, deduped=list(records), **evals)
    main()
    return {row["id"]: name for name in NAMES for row in rows(f"data/split/{name}.jsonl")}


def test_shares_are_about_right() -> None:
    found = Counter(drawn(str(group), SPLIT) for group in range(5000))
    assert 900 < found["test"] < 1100
    assert 900 < found["val"] < 1100


def test_position_is_fixed_for_all_time() -> None:
    assert position("a group", 0) == pytest.approx(0.40411, abs=1e-5)


def test_adding_rows_moves_no_row() -> None:
    before = split(*different(60))
    after = split(*different(60), chat("something new"), chat("red7 blue7 green7 black"))
    assert before.items() <= after.items()


def test_groups_stay_together() -> None:
    records = [record | {"group": str(at % 9)} for at, record in enumerate(different(60))]
    found = split(*records)
    assert all(len({found[one["id"]] for one in records[at::9]}) == 1 for at in range(9))


def test_near_copies_stay_together() -> None:
    originals = different(40)
    copies = [chat(f"red{at} blue{at} green{at} black{at}") for at in range(40)]
    found = split(*originals, *copies)
    assert all(
        found[one["id"]] == found[two["id"]] for one, two in zip(originals, copies, strict=True)
    )


def test_pairs_follow_the_chats_they_resemble() -> None:
    chats = different(40)
    pairs = [pair(f"red{at} blue{at} green{at}", "refund", "setup") for at in range(40)]
    found = split(*chats, *pairs)
    assert all(found[one["id"]] == found[two["id"]] for one, two in zip(chats, pairs, strict=True))


def test_published_split_wins_and_draws_its_copies_along() -> None:
    records = [chat("one", split="val"), chat("two"), chat("three", split="train"), chat("four")]
    assert assign(records, [0, 0, 2, 2], SPLIT) == ["val", "val", "train", "train"]


def test_published_leak_fails_and_names_the_rows() -> None:
    leaked, tested = chat("red blue green", split="train"), chat("Red, blue, green", split="test")
    with pytest.raises(UserError, match=f"1 train rows .*{leaked['id']} ~ test {tested['id']}"):
        split(*different(40), leaked, tested)
    assert not Path("data/split").exists()


def test_published_leak_may_be_dropped_from_train() -> None:
    leaked, tested = chat("red blue green", split="train"), chat("Red, blue, green", split="test")
    found = split(*different(40), leaked, tested, on_leak="drop_train")
    assert leaked["id"] not in found
    assert found[tested["id"]] == "test"
    assert metrics("split")["dropped"] == {"leaked": 1}


@pytest.mark.parametrize("name", ["golden", "adversarial"])
def test_evals_are_held_out_too(name: str) -> None:
    evals: dict[str, Any] = {name: [case("c1", "a b c")]}
    with pytest.raises(UserError, match=f"~ {name} c1 "):
        split(*different(40), chat("a b c", split="train"), **evals)


def test_report_holds_the_hashes_of_what_was_compared() -> None:
    split(*different(40), golden=[case("c1", "a b c")])
    report = json.loads(Path("reports/leakage.json").read_text())
    assert report["leaks"] == 0
    assert report["compared"]["evals/golden.jsonl"]["rows"] == 1
    for path, compared in report["compared"].items():
        assert compared["sha256"] == sha256(path)


def test_empty_split_is_a_mistake() -> None:
    with pytest.raises(UserError, match=r"split: (train|val|test) is empty \(train"):
        split(chat("only one"))


def test_scenarios_and_languages_are_counted() -> None:
    split(*(record | {"language": "en"} for record in different(40)))
    found = [metrics("split")[name] for name in NAMES]
    assert sum(one["languages"]["en"] for one in found) == 40
