"""Nothing held out is trained on, and split checks that or names what leaks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lib.core.records import Record
from lib.runtime.errors import UserError
from lib.runtime.files import sha256
from stages.split import SPLITS, main
from tests.splitting import FOURTEEN, different, split
from tests.toy import PARAMS, case, chat, dialogue, lay_out, metrics, pair, rows


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_published_leak_fails_and_names_the_rows() -> None:
    leaked, tested = chat("red blue green", split="train"), chat("Red, blue, green", split="test")
    with pytest.raises(UserError, match=f"1 train rows .*{leaked['id']} ~ test {tested['id']}"):
        split(*different(40), leaked, tested)
    assert not Path("data/split").exists()


def test_no_share_for_test_leaves_a_published_test_set_as_it_is() -> None:
    tested, near = chat("red blue green grey", split="test"), chat("red blue green grey pink")
    params = PARAMS.replace("test: 0.2", "test: 0")
    lay_out(Path(), params, deduped=[*different(40), tested, near])
    main()
    assert [row["id"] for row in rows("data/split/test.jsonl")] == [tested["id"]]
    assert len(rows("data/split/val.jsonl")) > 0
    assert metrics("split")["dropped"] == {"between_splits": 1}


def test_rows_drawn_into_a_published_test_set_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    split(*different(40), chat("one of theirs", split="test"))
    told = "test has 1 rows of sources with `split: test`, and"
    assert told in capsys.readouterr().out


@pytest.mark.parametrize("processes", [1, 2])
def test_the_leakage_check_reads_every_row_in_blocks(
    processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.similarity.workers.BLOCK", 2000)
    leaked, tested = (
        chat("red blue\u2028green 好", split="train"),
        chat("Red, blue, green 好", split="test"),
    )
    records = [*different(200), leaked, tested]
    params = PARAMS.replace("processes: 1", f"processes: {processes}")
    lay_out(Path(), params, deduped=records)
    with pytest.raises(UserError, match=f"1 train rows .*{leaked['id']} ~ test {tested['id']}"):
        main()
    lay_out(Path(), params, deduped=records[:-2])
    main()
    compared = json.loads(Path("reports/leakage.json").read_text(encoding="utf-8"))["compared"]
    assert sum(compared[f"data/split/{name}.jsonl"]["rows"] for name in SPLITS) == 200


def test_the_cure_of_a_published_leak_names_its_source() -> None:
    leaked, tested = chat("red blue green", split="train"), chat("Red, blue, green", split="test")
    with pytest.raises(UserError, match="a source fixes the split of these rows") as error:
        split(*different(40), leaked, tested)
    assert "evals" not in str(error.value)


def test_published_leak_may_be_dropped_from_train() -> None:
    leaked, tested = chat("red blue green", split="train"), chat("Red, blue, green", split="test")
    found = split(*different(40), leaked, tested, on_leak="drop_train")
    assert leaked["id"] not in found
    assert found[tested["id"]] == "test"
    assert metrics("split")["dropped"] == {"leaked": 1}


@pytest.mark.parametrize("name", ["golden", "adversarial", "regression"])
def test_every_file_of_cases_is_held_out(name: str) -> None:
    evals: dict[str, Any] = {name: [case("c1", "a b c")]}
    with pytest.raises(UserError, match=rf"~ evals/{name}.jsonl c1 \(exact\); `dvc repro` drops"):
        split(*different(40), chat("A b c.", split="train"), **evals)


def test_a_chat_that_answers_what_is_held_out_and_goes_on_is_found() -> None:
    asked = "my lock jams, what now?"
    longer = dialogue(asked, "refund", "and the thermostat", "setup", split="train")
    with pytest.raises(UserError, match=rf"{longer['id']} ~ test .* \(exact\)"):
        split(*different(40), longer, chat(asked, split="test"))


def test_a_held_out_question_that_a_chat_answers_later_on_is_found() -> None:
    asked = "my lock jams, what now?"
    longer = dialogue("hello", "hi", asked, "refund", "and the light", "setup", split="train")
    with pytest.raises(UserError, match=rf"{longer['id']} ~ test .* \(exact\)"):
        split(*different(40), longer, chat(asked, split="test"))


@pytest.mark.parametrize("where", ["test", "golden"])
@pytest.mark.parametrize("asked", [FOURTEEN, f"{FOURTEEN} now"])
def test_the_question_of_a_held_out_chat_is_found_alone(where: str, asked: str) -> None:
    said = ("hello", "hi", FOURTEEN, "refund")
    tested = dialogue(*said, split="test") if where == "test" else chat("else", split="test")
    golden = case("c1", "") | {"messages": dialogue(*said)["messages"]}
    with pytest.raises(UserError, match=f"~ {'test' if where == 'test' else 'evals/golden'}"):
        split(
            *different(40),
            *(chat(asked, split="train"), tested),
            golden=[golden] if where == "golden" else [],
        )


def test_chats_with_one_question_in_common_are_no_leak() -> None:
    first, second = (" ".join(f"{word}{at}" for at in range(20)) for word in ("red", "blue"))
    ours = dialogue(first, "ok", FOURTEEN, "refund", split="train")
    theirs = dialogue(second, "ok", FOURTEEN, "setup", split="test")
    assert split(*different(40), ours, theirs)[ours["id"]] == "train"


def test_drawn_chats_follow_the_question_they_answer_on_the_way() -> None:
    questions = [f"lamp{at} shelf{at} door{at}" for at in range(40)]
    longer = [
        dialogue("hello", "hi", asked, "refund", f"more{asked}", "setup") for asked in questions
    ]
    records = [chat(asked) for asked in questions] + longer
    found = split(*records)
    for at in range(40):
        assert found.get(records[at]["id"]) == found.get(longer[at]["id"])


@pytest.mark.parametrize("row", [chat, lambda asked: pair(asked, "refund", "setup")])
def test_a_case_quoted_in_a_longer_row_is_found(row: Callable[[str], Record]) -> None:
    leaked = row(f"Hello again. {FOURTEEN}. It is the third time I write, please answer me soon.")
    with pytest.raises(UserError, match=rf"{leaked['id']} ~ .* c1 \(contained 1.00\)"):
        split(*different(40), leaked | {"split": "train"}, golden=[case("c1", FOURTEEN)])


def test_benchmarks_are_held_out() -> None:
    Path("evals").mkdir()
    Path("evals/published.csv").write_text("question,key\na b c,1\n", encoding="utf-8")
    more = ", benchmarks: [{path: evals/published.csv, column: question}]"
    with pytest.raises(UserError, match=r"~ evals/published.csv line 2 \(exact\)"):
        split(*different(40), chat("a b c", split="train"), more=more)
    split(*different(40), more=more)
    report = json.loads(Path("reports/leakage.json").read_text())
    assert report["compared"]["evals/published.csv"]["rows"] == 1


def test_two_columns_of_a_benchmark_are_held_out() -> None:
    Path("evals").mkdir()
    Path("evals/qa.jsonl").write_text('{"q": {"text": "a b c"}, "a": "d e f"}\n', encoding="utf-8")
    columns = ", ".join(f"{{path: evals/qa.jsonl, column: {name}}}" for name in ("q.text", "a"))
    for leaked in ("a b c", "d e f"):
        with pytest.raises(UserError, match=r"~ evals/qa.jsonl line 1 \(exact\)"):
            split(*different(40), chat(leaked, split="train"), more=f", benchmarks: [{columns}]")
    split(*different(40), more=f", benchmarks: [{columns}]")
    report = json.loads(Path("reports/leakage.json").read_text())
    assert report["compared"]["evals/qa.jsonl"]["rows"] == 1


def test_a_benchmark_that_is_gone_is_named() -> None:
    more = ", benchmarks: [{path: evals/gone.csv, column: question}]"
    with pytest.raises(UserError, match=r"params.yaml: split.benchmarks names evals/gone.csv"):
        split(*different(40), more=more)


def test_cases_in_a_folder_of_evals_are_held_out() -> None:
    Path("evals/more").mkdir(parents=True)
    Path("evals/more/old.jsonl").write_text(json.dumps(case("c1", "a b c")), encoding="utf-8")
    with pytest.raises(UserError, match=r"~ evals/more/old.jsonl c1 \(exact\)"):
        split(*different(40), chat("a b c", split="train"))


@pytest.mark.parametrize(
    "name",
    [
        *("own.jsonl", "own.JSONL", "own.ndjson", "own.csv", "deep/own.parquet", "own.json"),
        *("own.txt", "own", "own.xlsx", "own.arrow", "own.yaml", "golden.jsonl~"),
    ],
)
@pytest.mark.parametrize("data", [b'{"question": "a b c"}\n', b"a b c\n", b"PAR1\xff\x00\xff"])
def test_data_in_evals_that_nobody_compares_is_a_mistake(name: str, data: bytes) -> None:
    path = Path("evals") / name
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    with pytest.raises(
        UserError, match=rf"^{path}: is not a file of cases .* split.benchmarks.* move anything"
    ):
        split(*different(40))


@pytest.mark.parametrize("name", ["own.ndjson", "own.JSONL", "own", "deep/own.json"])
def test_cases_are_read_whatever_their_file_is_named(name: str) -> None:
    path = Path("evals") / name
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(case("c1", "a b c")), encoding="utf-8")
    with pytest.raises(UserError, match=rf"~ {path} c1 \(exact\)"):
        split(*different(40), chat("a b c", split="train"))


@pytest.mark.parametrize("name", ["own.jsonl", "deep/own.json"])
def test_data_beside_the_tasks_of_the_harness_is_held_out(name: str) -> None:
    path = Path("evals/harness") / name
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(case("c1", "a b c")), encoding="utf-8")
    with pytest.raises(UserError, match=rf"~ {path} c1 \(exact\)"):
        split(*different(40), chat("a b c", split="train"))


@pytest.mark.parametrize("name", ["own.jsonl.gz", "own.jsonl.bz2", "own.zst", "own.xz", "own.ZIP"])
def test_packed_cases_are_to_be_unpacked(name: str) -> None:
    Path("evals").mkdir()
    (Path("evals") / name).write_bytes(b"\x1f\x8b")
    with pytest.raises(UserError, match=rf"^evals/{name}: is compressed; decompress it"):
        split(*different(40))


def test_cases_behind_a_link_are_held_out(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/own.jsonl").write_text(json.dumps(case("c1", "a b c")), encoding="utf-8")
    Path("evals").mkdir()
    Path("evals/linked").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"~ evals/linked/own.jsonl c1 \(exact\)"):
        split(*different(40), chat("a b c", split="train"))


def test_texts_for_people_and_how_to_ask_are_no_data() -> None:
    names = ("README.md", ".DS_Store", ".hidden/x.jsonl", "x.parquet.dvc", "harness/task.yaml")
    for name in (*names, "harness/utils.py", "harness/__pycache__/utils.cpython-311.pyc"):
        path = Path("evals") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a b c", encoding="utf-8")
    split(*different(40), chat("a b c", split="train"))


def test_a_group_published_on_both_sides_leaks() -> None:
    ours = chat("a b", groups=["g"], split="train")
    theirs = chat("c d", groups=["h", "g"], split="test")
    with pytest.raises(UserError, match=rf"{ours['id']} ~ test {theirs['id']} \(group\)"):
        split(*different(40), ours, theirs)


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [
        ("evals_threshold: 0.6", "evals_threshold: 0.7", "evals_threshold is 0.7; it must be at"),
        ("ngram: 2, permutations", "ngram: 3, permutations", "ngram is 3 and split.ngram 2"),
    ],
)
def test_dedup_must_find_whatever_the_leakage_check_does(
    ours: str, theirs: str, message: str
) -> None:
    lay_out(Path(), PARAMS.replace(ours, theirs), deduped=different(40))
    with pytest.raises(UserError, match=f"params.yaml: dedup.{message}"):
        main()


def test_report_holds_the_hashes_of_what_was_compared() -> None:
    split(*different(40), golden=[case("c1", "a b c")])
    report = json.loads(Path("reports/leakage.json").read_text())
    assert report["leaks"] == 0
    assert report["compared"]["evals/golden.jsonl"]["rows"] == 1
    for path, compared in report["compared"].items():
        assert compared["sha256"] == sha256(path)
