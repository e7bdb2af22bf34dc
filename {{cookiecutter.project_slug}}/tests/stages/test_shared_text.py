"""Rows that have an instruction, a context or a greeting in common are told apart by the rest."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from lib.core.records import Record
from lib.runtime.errors import UserError
from stages import dedup, split
from tests.toy import PARAMS, case, chat, lay_out, metrics, rows

INSTRUCTION = (
    "Read the customer review below with great care and decide whether its writer is content with "
    "the product or not. Ignore shipping, price and the seller unless the review is about nothing "
    "else. Answer with one word and nothing else. Here is the review:"
)
SPLITS = ("train", "val", "test")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def inputs(count: int, longest: int = 12) -> list[str]:
    """Different texts of one word and more."""
    draw = random.Random(count)
    words = [f"w{at}" for at in range(2000)]
    return [f"n{at} " + " ".join(draw.choices(words, k=at % longest)) for at in range(count)]


def instructed(count: int, longest: int = 12, **fields: Any) -> list[Record]:
    return [chat(f"{INSTRUCTION}\n{text}", **fields) for text in inputs(count, longest)]


def run(*records: Record, golden: tuple[Any, ...] = ()) -> dict[str, str]:
    """Run dedup and split; return the split of each row that stays."""
    lay_out(Path(), curated=list(records), golden=list(golden))
    dedup.main()
    split.main()
    return {row["id"]: name for name in SPLITS for row in rows(f"data/split/{name}.jsonl")}


@pytest.mark.parametrize("longest", [1, 12])
def test_different_inputs_of_one_instruction_stay_and_are_split(longest: int) -> None:
    found = run(*instructed(200, longest))
    assert len(found) == 200
    assert {name: list(found.values()).count(name) > 20 for name in SPLITS} == dict.fromkeys(
        SPLITS, True
    )


def test_a_row_without_an_input_draws_no_other_along() -> None:
    found = run(chat(INSTRUCTION), *instructed(200))
    assert set(found.values()) == set(SPLITS)


def test_what_is_shared_is_in_the_metrics_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    run(*instructed(200))
    found = metrics("dedup")["shared_text"]["data/raw/a"]
    assert (found["prompts"], found["sharing"]) == (200, 200)
    assert found["text"].startswith("read the customer review below with great care")
    assert found["words"] > 0.8
    said = capsys.readouterr()
    assert "of the words of its prompts are text that many of them share" in said.out
    assert said.err == ""


def test_copies_under_an_instruction_go() -> None:
    records = instructed(40, 30)
    text = inputs(40, 30)[25]
    run(*records, chat(f"{INSTRUCTION}\n{text} indeed"))
    assert metrics("dedup")["dropped"] == {"near_copy": 1}


@pytest.mark.parametrize("asked", ["{0}\n{1}", "{0}\n{1} indeed", "{1}"])
def test_copies_of_a_case_are_found_with_and_without_the_instruction(asked: str) -> None:
    text = inputs(40, 30)[25]
    run(*instructed(40, 30), golden=(case("c1", asked.format(INSTRUCTION, text)),))
    assert metrics("dedup")["dropped"] == {"golden_copy": 1}


def test_a_case_that_is_nothing_but_shared_text_is_found_where_it_stands_alone() -> None:
    alone = [chat(INSTRUCTION), chat(f"{INSTRUCTION} {INSTRUCTION}"), chat(INSTRUCTION[4:])]
    run(*instructed(40), *alone, golden=(case("c1", INSTRUCTION.upper()),))
    assert metrics("dedup")["dropped"] == {"golden_copy": 3}


def test_a_leak_under_an_instruction_is_found() -> None:
    ten = " ".join(f"z{at}" for at in range(10))
    train = [row | {"split": "train"} for row in instructed(40, 30)]
    tested = chat(f"{INSTRUCTION}\n{inputs(40, 30)[25]} {ten}", split="test")
    with pytest.raises(UserError, match=rf"1 train rows .* ~ test {tested['id']} \(near 0.7"):
        run(*train, chat("a b c", split="val"), tested)


def test_rows_added_to_a_source_move_none() -> None:
    before = run(*instructed(100))
    after = run(*instructed(100), *(chat(f"{INSTRUCTION} k{at} l{at}") for at in range(50)))
    assert before.items() <= after.items()


def test_rows_added_as_a_source_that_shares_nothing_move_none() -> None:
    plain = [chat(text, source="data/raw/b") for text in inputs(100)]
    before = run(*plain)
    after = run(*plain, *instructed(100))
    assert before.items() <= after.items()


def test_a_source_that_loses_much_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    contexts = [" ".join(f"t{task}v{at}" for at in range(60)) for task in range(20)]
    records = [chat(f"{text} q{at}") for text in contexts for at in range(20)]
    lay_out(Path(), curated=[*records, chat("one", source="data/raw/b")])
    dedup.main()
    said = capsys.readouterr().err
    assert "data/raw/a: 380 of 400 rows are dropped (380 near_copy)" in said
    assert 'the text they share most: "t' in said
    assert "data/raw/b" not in said
    (loss,) = metrics("dedup")["losses"]
    assert (loss["source"], loss["rows"], loss["dropped"]) == (
        "data/raw/a",
        400,
        {"near_copy": 380},
    )


def test_the_cures_of_that_warning_work() -> None:
    contexts = [" ".join(f"t{task}v{at}" for at in range(60)) for task in range(20)]
    texts = [(task, f"{text} q{at}") for task, text in enumerate(contexts) for at in range(20)]
    lay_out(Path(), curated=[chat(text, source=f"data/raw/{task}") for task, text in texts])
    dedup.main()
    assert metrics("dedup")["rows_kept"] == 400
    params = PARAMS.replace("{threshold: 0.8", "{threshold: 1.0")
    lay_out(Path(), params, curated=[chat(text) for _, text in texts])
    dedup.main()
    assert metrics("dedup")["rows_kept"] == 400


def test_exact_copies_that_make_up_a_source_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    lay_out(Path(), curated=[chat("Where is it?"), chat("where is it"), chat("other")])
    dedup.main()
    said = capsys.readouterr().err
    assert '1 of 3 rows are dropped (1 exact_copy); the text they share most: "where is it"' in said


def test_a_source_that_is_in_evals_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    lay_out(Path(), curated=[chat("a b c")], golden=[case("c1", "a b c")])
    dedup.main()
    assert "evals/golden has it" in capsys.readouterr().err


def test_the_file_of_shared_text_says_what_is_shared() -> None:
    run(*instructed(20), chat("好", source="data/raw/b"))
    (line,) = Path("data/shared_text.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["text"].startswith("read the customer")
