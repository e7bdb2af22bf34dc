"""Copies go, one of each group stays, and every dropped row says what it copies."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from lib.core.records import Record
from lib.runtime.errors import UserError
from lib.similarity.workers import BLOCK
from stages.dedup import main
from tests.similarity.test_minhash import documents, jaccard
from tests.toy import PARAMS, case, chat, dialogue, lay_out, metrics, pair, rows

OUTPUTS = ("data/deduped.jsonl", "data/duplicates.jsonl", "metrics/dedup.json")
LONG = "my router blinks red since the last update of its firmware"
OTHERS = [f"red{at} blue{at} green{at}" for at in range(600)]  # beside which no text is shared


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


def test_exact_copies_have_the_same_words_in_the_same_order_and_place() -> None:
    rows_in = [
        pair("a b", "c", "d"),
        pair("a", "b c", "d"),
        pair("a c", "b", "d"),
        chat("b a", "c"),
    ]
    assert len(dedup(*rows_in, pair("A; b", "c!", "D"))) == 4
    assert metrics("dedup")["dropped"] == {"exact_copy": 1}


def test_near_copies_keep_the_first() -> None:
    first = chat(LONG)
    assert dedup(first, chat(LONG + " today")) == [LONG]
    (copy,) = rows("data/duplicates.jsonl")
    assert (copy["reason"], copy["kept"], copy["similarity"]) == ("near_copy", first["id"], 0.9091)


def test_rows_added_at_the_end_replace_none() -> None:
    texts = [" ".join(f"w{at}" for at in range(start, start + 60)) for start in range(40)]
    before = [*map(chat, texts), *map(chat, OTHERS)]
    kept = dedup(*before)
    added = [chat(text + " and more") for text in kept[:-600]]
    assert dedup(*before, *added) == kept


def test_a_chain_of_copies_loses_only_what_is_near_to_a_row_that_stays() -> None:
    words = [f"w{at}" for at in range(360)]
    texts = [" ".join(words[at : at + 60]) for at in range(300)]
    stay = set(dedup(*map(chat, texts), *map(chat, OTHERS))) - set(OTHERS)
    assert 20 < len(stay) < 60
    asked = {record["id"]: record["messages"][0]["content"] for record in map(chat, texts)}
    for copy in rows("data/duplicates.jsonl"):
        assert asked[copy["kept"]] in stay
        assert copy["similarity"] == round(jaccard(copy["prompt"], asked[copy["kept"]], 2), 4)
        assert copy["similarity"] >= 0.8
    near = [jaccard(one, other, 2) for one, other in combinations(stay, 2)]
    assert max(near) < 0.8


def test_of_a_crowd_of_copies_one_stays() -> None:
    texts = [f"{LONG} {LONG} {LONG} {at}" for at in range(1, 60)]
    assert dedup(*map(chat, texts), *map(chat, OTHERS)) == [texts[0], *OTHERS]


def test_chinese_near_copies() -> None:
    text = "我的路由器从上次更新以后一直闪红灯"
    assert dedup(chat(text), chat(text + "了")) == [text]


def test_other_answer_is_no_copy_but_counted() -> None:
    assert len(dedup(chat(LONG, "refund"), chat(LONG + " today", "setup"))) == 2
    assert metrics("dedup")["conflicting_pairs"] == 1


def test_chat_and_pair_with_one_prompt_both_stay() -> None:
    assert len(dedup(chat(LONG), pair(LONG, "refund", "setup"))) == 2


def test_pairs_with_another_rejected_answer_both_stay() -> None:
    assert len(dedup(pair(LONG, "refund", "setup"), pair(LONG, "refund", "pizza"))) == 2


def test_copied_pairs() -> None:
    assert len(dedup(pair(LONG, "refund", "setup"), pair(LONG + "!", "refund", "setup"))) == 1


def test_pairs_turned_round_contradict_each_other_and_go() -> None:
    good, bad = f"yes, {LONG}, and we replace it", "no, please write to somebody else about it"
    one, other = pair(LONG, good, bad), pair(LONG + " today", bad, good)
    assert dedup(one, chat("other"), other) == ["other"]
    found = rows("data/duplicates.jsonl")
    assert [row["reason"] for row in found] == ["contradiction"] * 2
    assert [row["contradicts"] for row in found] == [other["id"], one["id"]]
    assert [row["similarity"] for row in found] == [0.9091] * 2


def test_answers_that_differ_little_turned_round_contradict_too() -> None:
    good, bad = f"{LONG} {LONG} now", f"{LONG} {LONG} later"
    assert dedup(pair(LONG, good, bad), pair(LONG + " today", bad, good)) == []


def test_copies_of_a_contradicted_pair_go_too_but_not_what_is_published() -> None:
    one, copy = pair(LONG, "refund", "setup"), pair(LONG + " today", "refund", "setup")
    other = pair(LONG + " now", "setup", "refund", split="test")
    assert dedup(one, copy, other) == [LONG + " now"]
    assert metrics("dedup")["dropped"] == {"contradiction": 2}


def test_other_pairs_with_the_same_prompt_do_not_contradict() -> None:
    assert len(dedup(pair(LONG, "a", "b"), pair(LONG, "b", "c"))) == 2


def test_a_row_that_stays_is_unchanged() -> None:
    record = chat('它说："好" \\ }\n🙂', tags=["emoji"])
    dedup(record)
    assert Path("data/deduped.jsonl").read_bytes() == Path("data/curated.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("line", "message"),
    [("{oops", "is not JSON"), ("[]", "is not a JSON object"), ("{}", "is not a record; .*`dvc")],
)
def test_a_damaged_line_is_named(line: str, message: str) -> None:
    lay_out(Path(), curated=[chat("one"), chat("two")])
    with Path("data/curated.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(UserError, match=rf"data/curated.jsonl:3: {message}"):
        main()


def test_copies_and_contradictions_are_found_among_many_answers_to_one_question() -> None:
    answers = documents(200, seed=3)[::2]
    chats = [chat(LONG, answer) for answer in answers]
    pairs = [pair(LONG, answer, "no") for answer in answers]
    copy, turned = chat(LONG, f"{answers[0]} changed"), pair(LONG, "no", answers[1])
    dedup(*chats, *pairs, copy, turned)
    found = {row["id"]: row["reason"] for row in rows("data/duplicates.jsonl")}
    assert found[copy["id"]] == "near_copy"
    assert found[turned["id"]] == found[pairs[1]["id"]] == "contradiction"


def test_copies_of_evals_always_lose() -> None:
    kept = dedup(
        chat(LONG), chat("other"), golden=[case("g1", LONG)], adversarial=[case("x1", "other")]
    )
    assert kept == []
    found = [(row["reason"], row["kept"]) for row in rows("data/duplicates.jsonl")]
    assert found == [("golden_copy", "g1"), ("adversarial_copy", "x1")]


def test_copies_of_further_cases_and_named_benchmarks_go_too() -> None:
    further, published = "Where is my parcel, it should be here", "How many apples are left in all"
    Path("evals").mkdir()
    Path("evals/further.jsonl").write_text(json.dumps(case("f1", further)), encoding="utf-8")
    Path("evals/sums.csv").write_text(f"question,answer\n{published},9\n", encoding="utf-8")
    benchmark = "benchmarks: [{path: evals/sums.csv, column: question}]"
    with_benchmark = PARAMS.replace("on_leak: fail", f"on_leak: fail, {benchmark}")
    lay_out(Path(), curated=[chat(further), chat(published), chat("other")], params=with_benchmark)
    main()
    assert metrics("dedup")["dropped"] == {"further_copy": 1, "sums_copy": 1}


def test_a_row_that_quotes_a_case_goes() -> None:
    quoting = chat(f"Hello, it is me again. {LONG}. Nobody has answered me for weeks, please do.")
    assert dedup(quoting, golden=[case("c1", LONG)]) == []
    assert metrics("dedup")["dropped"] == {"golden_copy": 1}


def test_a_chat_that_answers_a_case_and_goes_on_goes() -> None:
    longer = dialogue("hi", "hello", "my lock jams, what now?", "refund", "and the light", "setup")
    assert dedup(longer, golden=[case("c1", "My lock jams: what now")]) == []
    longer = dialogue("my lock jams, what now?", "refund", "and the thermostat", "setup")
    assert dedup(longer, golden=[case("c1", "My lock jams: what now")]) == []
    (copy,) = rows("data/duplicates.jsonl")
    assert (copy["reason"], copy["kept"], copy["similarity"]) == ("golden_copy", "c1", 1.0)


def test_the_system_turn_of_a_case_is_not_compared() -> None:
    golden = case("c1", LONG)
    golden["messages"].insert(0, {"role": "system", "content": "Sort the ticket, and be brief."})
    assert dedup(chat(LONG), golden=[golden]) == []


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
    texts = [f"{LONG} {at % 40} {at % 7} 我的路由器 {at}" for at in range(5000)]
    lay_out(Path(), curated=[chat(text) for text in texts], golden=[case("g1", texts[77])])
    assert Path("data/curated.jsonl").stat().st_size > 1.5 * BLOCK
    results = []
    for count in (1, 2):
        params = Path("params.yaml")
        params.write_text(PARAMS.replace("processes: 1", f"processes: {count}"))
        main()
        results.append([Path(name).read_bytes() for name in OUTPUTS])
    assert results[0] == results[1]


def test_a_threshold_above_that_of_the_proof_stops_the_stage() -> None:
    lay_out(Path(), PARAMS.replace("evals_threshold: 0.6", "evals_threshold: 0.7"), curated=[])
    with pytest.raises(UserError, match=r"dedup\.evals_threshold is 0\.7; it must be at most"):
        main()
    assert not Path("data/deduped.jsonl").exists()
