"""Text that many prompts of a source share is found by one rule, and makes no two texts alike."""

import random
from pathlib import Path

import pytest

from lib.core.records import Record
from lib.runtime.errors import UserError
from lib.similarity.containment import QuoteIndex
from lib.similarity.near_copies import KnownTexts
from lib.similarity.near_pairs import near_copies_in
from lib.similarity.own_words import own_words
from lib.similarity.shared_text import (
    SharedText,
    all_passages,
    find_shared,
    read_shared,
    shared_by,
    write_shared,
)
from lib.similarity.shingles import word_hashes
from tests.toy import chat, lay_out

ENGLISH = "Read the review below with care and say in one word how its writer feels about it:"
CHINESE = "请仔细阅读下面的顾客评论，判断顾客的总体态度："


def inputs(count: int, seed: int = 0) -> list[str]:
    """Texts of one to twelve words that have nothing in common."""
    draw = random.Random(seed)
    return [
        " ".join(f"w{draw.randrange(10**6)}" for _ in range(1 + at % 12)) for at in range(count)
    ]


@pytest.fixture
def shared() -> bytes:
    return shared_by("a", [f"{ENGLISH} {text}" for text in inputs(30)]).passages


@pytest.mark.parametrize("instruction", [ENGLISH, CHINESE])
@pytest.mark.parametrize("form", ["{} {}", "{1}\n{0}", "<task>{}</task>\n<input>{}</input>"])
def test_what_all_prompts_share_is_found(instruction: str, form: str) -> None:
    found = shared_by("a", [form.format(instruction, text) for text in inputs(30)])
    assert (found.prompts, found.sharing) == (30, 30)
    assert found.text.startswith(instruction.casefold()[:9]) or form.startswith("<task>")


@pytest.mark.parametrize(
    ("sharing", "others", "is_shared"),
    [(9, 0, False), (10, 0, True), (10, 90, True), (10, 91, False)],
)
def test_a_tenth_and_ten_of_the_prompts_must_have_it(
    sharing: int, others: int, is_shared: bool
) -> None:
    texts = [f"{ENGLISH} {text}" for text in inputs(sharing)] + inputs(others, seed=1)
    assert bool(shared_by("a", texts).passages) == is_shared


def test_a_prompt_counts_once_however_often_it_occurs() -> None:
    texts = [f"{ENGLISH} {text}" for text in inputs(9)]
    assert shared_by("a", texts * 5 + [text.upper() for text in texts]).passages == b""


def test_four_words_are_no_passage() -> None:
    assert shared_by("a", [f"how can i get {text}" for text in inputs(30)]).passages == b""


def own(text: str, shared: bytes) -> list[int]:
    """The hashes of a text's own words."""
    return own_words(word_hashes([text]), shared).hashes.tolist()


def test_own_words_are_what_is_left(shared: bytes) -> None:
    alone = word_hashes(["blue cup"]).hashes.tolist()
    assert own(f"{ENGLISH} blue cup", shared) == alone
    assert own(f"blue {ENGLISH}\n\ncup", shared) == alone
    assert own("blue cup", shared) == alone


def test_a_text_that_is_nothing_else_keeps_all_its_words(shared: bytes) -> None:
    assert own(ENGLISH, shared) == word_hashes([ENGLISH]).hashes.tolist()


def test_texts_of_a_list_keep_apart(shared: bytes) -> None:
    words = own_words(word_hashes(["one", f"{ENGLISH} blue cup", ENGLISH, "two"]), shared)
    assert words.sizes().tolist() == [1, 2, len(ENGLISH.split()), 1]


def test_texts_are_near_copies_as_they_stand_and_in_their_own_words(shared: bytes) -> None:
    known = KnownTexts([f"{ENGLISH} a b c d e", ENGLISH], 0.6, 3, shared)
    asked = [f"{ENGLISH} a b c d e f", "a b c d e", f"{ENGLISH} v w x y z", ENGLISH.upper()]
    assert [(hit.one, hit.other) for hit in known.near(asked)] == [(0, 0), (3, 1)]


def test_own_words_must_be_quoted_and_shared_text_alone_is_not(shared: bytes) -> None:
    eight = "a b c d e f g h"
    quotes = QuoteIndex([f"{ENGLISH} {eight}", eight, f"{ENGLISH} a b c"], shared=shared)
    said = [f"x {ENGLISH} {eight} l", f"x {eight}", f"{ENGLISH} m n o p q r s t"]
    assert quotes.search(said) == [(0, 0, 1.0), (0, 1, 1.0), (1, 1, 1.0)]


def test_one_question_about_two_contexts_is_no_copy() -> None:
    contexts = [" ".join(f"t{one}v{at}" for at in range(60)) for one in range(5)]
    texts = [f"{context} {text}" for text in inputs(20) for context in contexts]
    shared = shared_by("a", texts).passages
    assert shared
    pairs, _ = near_copies_in(texts, 0.6, 3, 128, 0, 0.9999, shared)
    assert pairs.tolist() == []
    known = KnownTexts(texts, 0.6, 3, shared)
    assert all(hit.one == hit.other for hit in known.near(texts) + known.quoted(texts))


def test_a_crowd_under_one_instruction_proposes_no_pairs(shared: bytes) -> None:
    texts = [f"{ENGLISH} {text}" for text in inputs(300)]
    pairs, _ = near_copies_in([*texts, texts[7]], 0.6, 3, 128, 0, 0.9999, shared)
    assert pairs.tolist() == [[7, 300]]


def records(count: int, **fields: str) -> list[Record]:
    return [chat(f"{ENGLISH} {text}", **fields) for text in inputs(count)]


def find(path: Path, rows: list[Record]) -> list[SharedText]:
    """What the rows of a file share."""
    lay_out(path, curated=rows)
    return find_shared(path / "data/curated.jsonl", map)


def test_each_source_counts_its_own_prompts(tmp_path: Path) -> None:
    found = find(tmp_path, [*records(9, source="a"), *records(30, source="b")])
    assert [one.source for one in found] == ["b"]


def test_neither_order_nor_blocks_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = records(200)
    expected = find(tmp_path, rows)
    monkeypatch.setattr("lib.similarity.workers.BLOCK", 2000)
    assert find(tmp_path, rows[::-1]) == expected


def test_only_a_sample_of_many_prompts_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.similarity.shared_text.SAMPLE", 50)
    (found,) = find(tmp_path, records(200))
    assert (found.prompts, found.sharing) == (50, 50)
    ids = sorted(record["id"] for record in records(200))[:50]
    low, high = (
        [row for row in records(200) if (row["id"] in ids) == one] for one in (True, False)
    )
    assert find(tmp_path, [*high, *low]) == find(tmp_path, low) == [found]


def test_what_is_written_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = find(tmp_path, records(30))
    write_shared(found)
    assert all_passages(read_shared()) == found[0].passages
    Path("data/shared_text.jsonl").write_text('{"source": 1}\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"shared_text\.jsonl: is damaged; `dvc repro`"):
        read_shared()
