"""Every row that comes in is kept or accounted for, and nothing personal gets out."""

import json
from pathlib import Path
from typing import Any

import pytest

from lib.runtime.errors import UserError
from stages.curate import main
from tests.curating import TOKEN, ask, lay_raw, raw, said
from tests.toy import PARAMS, chat, lay_out, metrics, rows

SOURCES = "[{path: data/raw/*, license: CC0-1.0, consent: given}]"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lay_raw(tmp_path)


def test_record_has_every_key_in_order() -> None:
    raw(ask("my money", language="en"))
    main()
    (record,) = rows("data/curated.jsonl")
    expected = chat("my money", scenario="refund", language="en", source="data/raw/a.jsonl")
    assert list(record.items()) == list(expected.items())


def test_every_row_is_accounted_for() -> None:
    raw(ask("one"), "{broken", ask(""), ask("two", "pizza"))
    main()
    found = metrics("curate")
    dropped = {"empty": 1, "invalid_json": 1, "unknown_label": 1}
    assert (found["rows_in"], found["rows_kept"], found["dropped"]) == (4, 1, dropped)


def test_lone_answers_are_pairs_that_lack_a_side() -> None:
    raw(ask("一", label=True), ask("two", "no label 🙂", label=False), ask("x", "", label=False))
    main()
    found = [(row["chosen"], row["rejected"]) for row in rows("data/curated.jsonl")]
    assert found == [("refund", ""), ("", "no label 🙂")]
    assert metrics("curate")["dropped"] == {"empty": 1}


def test_a_lone_answer_that_is_good_and_bad_contradicts_itself() -> None:
    raw(ask("fine"), ask("my money", label=True), ask("my money", label=False))
    main()
    assert metrics("curate")["dropped"] == {"conflicting_label": 2}


def test_nothing_kept_stops_the_run_and_says_where_the_reasons_are() -> None:
    raw(ask("where is it?"), ask("Where is it", "setup"))
    with pytest.raises(
        UserError, match=r"no rows are kept \(2 conflicting_label\); data/rejected\.jsonl says why"
    ):
        main()
    assert len(rows("data/rejected.jsonl")) == 2


def test_the_setting_that_drops_many_rows_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    raw(ask("where is it?"), ask("where " * 99))
    main()
    assert "1 rows too_long: raise curate.max_tokens" in capsys.readouterr().out
    raw(ask("where " * 99))
    with pytest.raises(UserError, match=r"1 too_long.*raise curate\.max_tokens"):
        main()


def test_a_pair_whose_sides_are_masked_to_the_same_is_none() -> None:
    two = {"prompt": "who?", "chosen": "ask ana@example.com", "rejected": "ask ANA@example.com"}
    Path("params.yaml").write_text(
        PARAMS.replace("output: label, labels: [refund, setup]", "output: text"), encoding="utf-8"
    )
    raw({"prompt": "fine", "chosen": "a", "rejected": "b"}, two)
    main()
    assert metrics("curate")["dropped"] == {"pair_without_difference": 1}


@pytest.mark.parametrize("rejected", [[said("user", "b")], said("user", "b")])
def test_a_rejected_side_that_ends_in_a_users_turn_is_dropped(rejected: Any) -> None:
    raw(ask("fine"), {"prompt": "who?", "chosen": "refund", "rejected": rejected})
    main()
    assert metrics("curate")["dropped"] == {"roles_out_of_order": 1}


def test_a_file_of_one_bad_row_stops_nothing() -> None:
    raw(ask("fine"))
    raw(ask(f"my key is {TOKEN}"), name="feedback.jsonl")
    main()
    assert metrics("curate")["dropped"] == {"secret": 1}


@pytest.mark.parametrize(
    "line",
    [
        ask("write to ana@example.com"),
        ask("write to ana@example.com", "pizza"),
        ask("hello", "pizza", ana="ana@example.com", phone=13812345678),
        '{"prompt": "write\\nana@example.com"',
        '{"prompt": "tel\\n13812345678 or \\u002b8613812345678"',
        ask("hello", "ana@example.com"),
        ask("hello", group="ana@example.com"),
        ask("hello", "pizza", **{"ana@example.com": 1}),
        ask("caf\udce9 ana@example.com"),
    ],
)
def test_nothing_personal_gets_out(line: Any, capsys: pytest.CaptureFixture[str]) -> None:
    raw(ask("fine"), line)
    main()
    written = [path.read_text() for path in Path().rglob("*.json*") if path.parent.name != "raw"]
    output = "".join([*written, *capsys.readouterr()])
    assert "ana@" not in output
    assert "13812345678" not in output


def test_escapes_of_json_hide_nothing_in_records() -> None:
    values = "write\nana@example.com\n13812345678"
    lay_out(Path(), PARAMS.replace("output: label", "output: json, fields: {note: []}"))
    raw(ask(values, json.dumps({"note": values})), ask({"body": values}, '{"note": ""}'))
    main()
    masked = "write\n<EMAIL_ADDRESS_1>\n<CN_MOBILE_NUMBER_1>"
    first, second = (record["messages"] for record in rows("data/curated.jsonl"))
    assert json.loads(first[1]["content"]) == {"note": masked}
    assert json.loads(second[0]["content"]) == {"body": masked}


def test_tokens_are_counted_again_once_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PII_KEY", "0123456789abcdef")
    keyed = PARAMS.replace("score:", "key_env: PII_KEY, score:").replace("tokens: 50", "tokens: 4")
    lay_out(Path(), keyed)
    raw(ask("call soon"), ask("call 13812345678"))  # <, name and > are tokens here
    main()
    assert metrics("curate")["dropped"] == {"too_long": 1}


def test_found_kinds_are_counted() -> None:
    raw(ask("ana@example.com and bo@example.com"))
    main()
    assert metrics("curate")["pii"] == {"EMAIL_ADDRESS": 2}


def test_rows_of_another_license_go_even_if_they_are_all() -> None:
    raw(ask("one", license="CC-BY-NC-4.0"), ask("two"))
    raw(ask("three", license="proprietary"), name="b.jsonl")
    main()
    assert [row["line"] for row in rows("data/rejected.jsonl")] == [1, 1]
    assert metrics("curate")["dropped"] == {"license": 2}


def test_rows_that_all_have_another_license_are_a_mistake() -> None:
    raw(ask("one", license="Proprietary"), ask("two", license="Proprietary"))
    with pytest.raises(UserError, match=r"curate\.licenses is CC0-1\.0, and none of the 2 rows"):
        main()
    assert not Path("data/curated.jsonl").exists()


def test_conflicting_rows_all_go_and_say_where_they_were() -> None:
    raw(ask("where is it?"), ask("fine"), ask("Where is it", "setup"))
    main()
    assert [record["messages"][0]["content"] for record in rows("data/curated.jsonl")] == ["fine"]
    found = [(row["line"], row["reason"], row["found"]) for row in rows("data/rejected.jsonl")]
    assert found == [
        (1, "conflicting_label", "contradicts data/raw/a.jsonl:3"),
        (3, "conflicting_label", "contradicts data/raw/a.jsonl:1"),
    ]


def test_group_of_the_source_is_kept_but_not_its_name() -> None:
    raw(ask("one", group="ann"), ask("two", group="ann"), ask("three", group="bob"))
    main()
    groups = [record["groups"] for record in rows("data/curated.jsonl")]
    assert groups[0] == groups[1] != groups[2]
    assert ["ann"] not in groups


def test_same_bytes_again() -> None:
    raw(ask("one"), ask("two", "pizza"), ask("a@example.com"))
    main()
    before = [Path(f"data/{name}.jsonl").read_bytes() for name in ("curated", "rejected")]
    main()
    assert before == [Path(f"data/{name}.jsonl").read_bytes() for name in ("curated", "rejected")]


@pytest.mark.parametrize(
    ("name", "lines", "said"),
    [
        ("a.jsonl", [""], "has no rows"),
        (
            "a.jsonl",
            [{"text": "q"}],
            r"none of its 1 rows can be kept \(line 1: unknown_shape, text\)",
        ),
    ],
)
def test_useless_file_is_a_mistake(name: str, lines: list[Any], said: str) -> None:
    raw(*lines, name=name)
    with pytest.raises(UserError, match=said):
        main()
    assert not Path("data/curated.jsonl").exists()


def test_a_file_in_another_encoding_is_named_with_the_cure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = "prompt,completion\n我的钱呢,refund\nmy money,refund\n"
    Path("data/raw/old.csv").write_bytes(text.encode("gb18030"))
    main()
    assert metrics("curate")["dropped"] == {"not_utf8": 1}
    cure = "`iconv -f WINDOWS-1252 -t UTF-8 data/raw/old.csv > NEW` makes the file UTF-8"
    assert f"data/raw/old.csv: 1 rows not_utf8 (line 2): {cure}" in capsys.readouterr().out


def test_what_is_not_used_is_named_with_its_count(capsys: pytest.CaptureFixture[str]) -> None:
    turns = [said("user", "two") | {"name": "Bo"}, said("assistant", "refund")]
    raw(ask("one", shop=7, till=None), {"messages": turns, "shop": 8}, {"text": "x", "shop": 9})
    main()
    assert metrics("curate")["unused"] == {"data/raw/a.jsonl": {"shop": 2, "turn.name": 1}}
    line = "data/raw/a.jsonl: not used: shop (2 rows), turn.name (1 rows)\n"
    assert line in capsys.readouterr().out


def test_a_column_named_like_a_person_is_masked(capsys: pytest.CaptureFixture[str]) -> None:
    raw(ask("one") | {"ana@example.com": 1})
    main()
    assert list(metrics("curate")["unused"]["data/raw/a.jsonl"]) == ["<EMAIL_ADDRESS_1>"]
    assert "ana@" not in capsys.readouterr().out


def test_rows_that_an_unread_column_may_turn_round_go_with_the_cure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    raw(ask("one"), ask("two", score=0.1))
    main()
    assert metrics("curate")["dropped"] == {"verdict": 1}
    assert "1 rows verdict (line 2: score: 0.1): a column judges" in capsys.readouterr().out
    raw(ask("one", score=0.9), ask("two", score=0.1))
    with pytest.raises(
        UserError, match=r"verdict, score: 0.9\); .*columns: {label: COLUMN}.*ignore"
    ):
        main()
    sources = f"{SOURCES[:-2]}, ignore: [score]}}]"
    lay_out(Path(), PARAMS.replace(SOURCES, sources))
    main()
    assert metrics("curate")["unused"] == {}


def test_a_source_may_have_no_file_yet() -> None:
    raw(ask("one"))
    more = "{path: data/raw/later*, license: CC0-1.0, consent: given, optional: true}]"
    lay_out(Path(), PARAMS.replace(SOURCES, f"{SOURCES[:-1]}, {more}"))
    main()
    assert len(rows("data/curated.jsonl")) == 1


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ("[{path: data/raw/no*}]", "no file matches 'data/raw/no"),
        ("[{path: data/raw/*}, {path: data/raw/a.jsonl}]", "a.jsonl: is matched by 'data/raw/"),
        ("[{path: data/raw/more}]", "write data/raw/more/"),
        ("[{path: /etc/passwd}]", "it must be in data/raw/, which dvc watches"),
        ("[{path: data/raw/../../x.csv}]", "it must be in data/raw/, which dvc watches"),
        ("[{path: data/more/x.csv}]", "it must be in data/raw/, which dvc watches"),
        ("[{path: data/raw/*, columns: {promt: x}}]", "maps the unknown name 'promt'"),
        (
            "[{path: data/raw/*, columns: {prompt: prompt, completion: prompt}}]",
            "maps two of its texts to 'prompt'",
        ),
        (
            "[{path: data/raw/*, columns: {prompt: [who, prompt], completion: prompt}}]",
            "maps two of its texts to 'prompt'",
        ),
        (
            "[{path: data/raw/*, columns: {completion: who, label: who}}]",
            "maps two of its texts to 'who'",
        ),
        ("[{path: data/raw/*, columns: {prompt: '{who} {'}}]", "whose braces are wrong"),
        ("[{path: data/raw/*, columns: {prompt: '{} {}'}}]", "which names no column"),
        ("[{path: data/raw/*, columns: {completion: [a, b]}}]", "only prompt may be made of"),
        ("[{path: data/raw/*, columns: {prompt: '{whom}'}}]", "maps prompt to 'whom', which none"),
        ("[{path: data/raw/*, columns: {group: who}, ignore: [who]}]", "both maps and ignores"),
        ("[{path: data/raw/*, columns: {group.: x}}]", "maps the unknown name 'group.'"),
        (
            "[{path: data/raw/*, columns: {scenario: who, group: custmer, license: licens}}]",
            "to 'custmer', which none of its rows has; they have prompt, completion, who",
        ),
        ("[{path: data/raw/*, columns: {prompt: text}}]", "maps prompt to 'text', which none of"),
        ("[{path: data/raw/*, columns: {group: who.id}}]", "maps group to 'who.id', which none of"),
        ("[{path: data/raw/*, split: dev}]", "data.sources.0.split is 'dev'; it must be 'train'"),
    ],
)
def test_wrong_sources_are_named(sources: str, said: str) -> None:
    raw(ask("one", who="ann"))
    Path("data/raw/more").mkdir()
    sources = sources.replace("{path", "{license: CC0-1.0, consent: given, path")
    lay_out(Path(), PARAMS.replace(SOURCES, sources))
    with pytest.raises(UserError, match=said):
        main()
