"""Which row goes into which split, and that none ever moves."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from lib.core.records import Record
from lib.runtime.errors import UserError
from lib.split.ties import find_ties
from stages.split import SPLITS, assign, drawn, group_position, main
from tests.similarity.test_minhash import documents
from tests.splitting import FOURTEEN, SPLIT, different, split
from tests.toy import PARAMS, case, chat, dialogue, lay_out, metrics, pair


def templated(count: int) -> list[Record]:
    """Tickets of one template, of which some are near copies of each other and some are not."""
    draw, words = random.Random(0), [f"w{at}" for at in range(12)]
    asked = (draw.choices(words, k=4) for _ in range(count))
    texts = [f"I bought the {a} in {b} last {c} and it broke on {d}" for a, b, c, d in asked]
    return list(map(chat, dict.fromkeys(texts)))


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_shares_are_about_right() -> None:
    found = Counter(drawn(str(group), SPLIT) for group in range(5000))
    assert 900 < found["test"] < 1100
    assert 900 < found["val"] < 1100


def test_position_is_fixed_for_all_time() -> None:
    assert group_position("a group", 0) == pytest.approx(0.40411, abs=1e-5)


def test_adding_rows_moves_no_row() -> None:
    before = split(*different(60))
    after = split(*different(60), chat("something new"), chat("red7 blue7 green7 black"))
    assert before.items() <= after.items()


def test_rows_that_followed_a_row_that_is_gone_are_drawn_anew() -> None:
    tested, trained = (
        next(name for name in map(str, range(99)) if drawn(name, SPLIT) == fate)
        for fate in ("test", "train")
    )
    first, copy = chat("a b c d e f", groups=[tested]), chat("a b c d e f g", groups=[trained])
    both, alone = [first, copy], [copy]
    assert assign(both, find_ties(both, SPLIT), SPLIT) == ["test", "test"]
    assert assign(alone, find_ties(alone, SPLIT), SPLIT) == ["train"]


def test_no_row_depends_on_a_later_one() -> None:
    texts = documents(300)  # full of near copies, chains of them too
    records = [chat(text, groups=[str(at % 60)]) for at, text in enumerate(texts)]
    fates = assign(records, find_ties(records, SPLIT), SPLIT)
    assert {*SPLITS, "between_splits"} == set(fates)
    for some in range(0, 300, 20):
        assert assign(records[:some], find_ties(records[:some], SPLIT), SPLIT) == fates[:some]


def test_rows_that_minhash_missed_are_tied_by_the_leakage_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lib.similarity.minhash.NEIGHBORS", 1)
    records = templated(300)
    before = split(*records[:200])
    assert before.items() <= split(*records).items()
    assert json.loads(Path("reports/leakage.json").read_text())["leaks"] == 0


def test_many_rows_between_splits_are_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    split(*templated(300))
    assert "% of the rows resemble rows of two splits and are dropped" in capsys.readouterr().out


def test_a_row_between_two_splits_goes_and_is_counted() -> None:
    tested, trained = (
        next(name for name in map(str, range(99)) if drawn(name, SPLIT) == fate)
        for fate in ("test", "train")
    )
    one, other = chat("a b c d e f g", groups=[tested]), chat("u v w x y z", groups=[trained])
    between = chat("a b c d e f g h", groups=[trained])
    found = split(*different(40), one, other, between)
    assert between["id"] not in found
    assert metrics("split")["dropped"] == {"between_splits": 1}


def test_groups_stay_together() -> None:
    records = [record | {"groups": [str(at % 9)]} for at, record in enumerate(different(60))]
    found = split(*records)
    assert all(len({found[one["id"]] for one in records[at::9]}) == 1 for at in range(9))


def test_a_row_of_two_groups_ties_both() -> None:
    ones = [record | {"groups": [f"user{at}"]} for at, record in enumerate(different(60))]
    twos = [chat(f"bee{at} fly{at}", groups=[f"user{at}", f"document{at}"]) for at in range(60)]
    threes = [chat(f"ash{at} oak{at}", groups=[f"document{at}"]) for at in range(60)]
    found = split(*ones, *twos, *threes)
    for same in zip(ones, twos, threes, strict=True):
        assert len({found[one["id"]] for one in same}) == 1
    assert metrics("split")["groups"] == 60


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
    assert assign(records, {1: [0], 3: [2]}, SPLIT) == ["val", "val", "train", "train"]


def test_chats_follow_the_one_that_is_asked_what_they_answer_first() -> None:
    first = different(40)
    longer = [
        dialogue(one["messages"][0]["content"], "refund", f"and a{at} b{at}", "setup")
        for at, one in enumerate(first)
    ]
    found = split(*first, *longer)
    assert all(found[one["id"]] == found[two["id"]] for one, two in zip(first, longer, strict=True))


def test_chats_that_only_begin_alike_share_nothing() -> None:
    records = [dialogue("hello there", "hi", f"red{at} blue{at}", "setup") for at in range(9)]
    assert find_ties(records, SPLIT) == {}


def test_rows_that_contain_others_share_their_split() -> None:
    short = [chat(f"{FOURTEEN} {at} a{at} b{at} c{at} d{at}") for at in range(20)]
    asked = [one["messages"][0]["content"] for one in short]
    long = [chat(f"x{at} {text} " + f"y{at} z{at} " * 20) for at, text in enumerate(asked)]
    found = split(*different(40), *short, *long)
    assert all(found[one["id"]] == found[two["id"]] for one, two in zip(short, long, strict=True))


def test_cap_leaves_so_many_of_a_scenario_in_train() -> None:
    records = [record | {"scenario": str(at % 2)} for at, record in enumerate(different(60))]
    before = split(*records)
    after = split(*records, more=", balance: {cap: 10}")
    assert metrics("split")["train"]["scenarios"] == {"0": 10, "1": 10}
    assert metrics("split")["dropped"] == {"capped": len(before) - len(after)}
    assert after.items() <= before.items()


def test_weights_repeat_train_rows() -> None:
    records = [record | {"scenario": str(at % 2)} for at, record in enumerate(different(60))]
    split(*records)
    once = metrics("split")["train"]["scenarios"]
    split(*records, more=", balance: {weights: {'1': 3}}")
    assert metrics("split")["train"]["scenarios"] == {"0": once["0"], "1": 3 * once["1"]}
    assert metrics("split")["repeats"] == 2 * once["1"]
    assert metrics("split")["rows_kept"] == 60


def test_a_weight_of_no_scenario_is_a_slip() -> None:
    records = [record | {"scenario": "setup"} for record in different(40)]
    with pytest.raises(UserError, match=r"unknown scenario 'stup'; the records have setup$"):
        split(*records, more=", balance: {weights: {stup: 3}}")
    assert not Path("data/split").exists()


def test_a_right_answer_that_the_task_does_not_allow_stops_the_stage() -> None:
    wrong = case("c1", "a b c")
    wrong["messages"][-1]["content"] = "refnud"
    with pytest.raises(UserError, match=r"^evals/golden\.jsonl:1: case c1: the right answer 'refn"):
        split(*different(40), golden=[wrong])
    assert not Path("data/split").exists()


def test_all_gaps_in_coverage_are_named_in_one_line() -> None:
    records = [record | {"scenario": "setup"} for record in different(40)]
    records[0] |= {"scenario": "rare", "tags": ["emoji"]}
    with pytest.raises(UserError) as error:
        split(*records, more=", coverage: {scenario: 1, tags: {emoji: 1, 反讽: 2}}")
    line = str(error.value)
    assert sum(f"{name} has 0 of scenario rare (1 wanted)" in line for name in SPLITS) == 2
    assert sum(f"{name} has 0 of tag emoji (1 wanted)" in line for name in SPLITS) == 2
    assert all(f"{name} has 0 of tag 反讽 (2 wanted)" in line for name in SPLITS)
    assert line.endswith("remove tags that no row has: 反讽")
    assert "\n" not in line


def test_pairs_cover_nothing_beside_chats() -> None:
    chats = [record | {"scenario": "setup"} for record in different(40)]
    pairs = [pair(f"question {at} of pairs", "a", "b", scenario="rare") for at in range(40)]
    with pytest.raises(UserError, match=r"train has 0 of scenario rare \(1 wanted\)"):
        split(*chats, *pairs, more=", coverage: {scenario: 1}")


def test_declared_labels_are_scenarios_to_cover() -> None:
    records = [record | {"scenario": "refund"} for record in different(40)]
    with pytest.raises(UserError, match=r"train has 0 of scenario setup \(1 wanted\)"):
        split(*records, more=", coverage: {scenario: 1}")


def test_a_split_that_is_to_be_empty_covers_nothing() -> None:
    records = [
        record | {"scenario": ["refund", "setup"][at % 2]}
        for at, record in enumerate(different(60))
    ]
    params = PARAMS.replace("val: 0.2", "val: 0, coverage: {scenario: 1}")
    lay_out(Path(), params, deduped=records)
    main()
    assert metrics("split")["val"]["rows"] == 0


def test_empty_split_is_a_mistake() -> None:
    with pytest.raises(UserError, match=r"split: (train|val|test) is empty \(train"):
        split(chat("only one"))


def test_scenarios_and_languages_are_counted() -> None:
    split(*(record | {"language": "en"} for record in different(40)))
    found = [metrics("split")[name] for name in SPLITS]
    assert sum(one["languages"]["en"] for one in found) == 40
