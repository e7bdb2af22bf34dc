"""Two annotators in, kappa and the rows they differ on out."""

import json
import math
from pathlib import Path

import pytest

from lib.runtime.errors import UserError
from review.agreement import kappa, main
from tests.toy import PARAMS, chat, lay_out

ASKED = chat("Where is my <parcel>?\n我的包裹在哪里😱")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path, PARAMS, curated=[ASKED])


def agree(monkeypatch: pytest.MonkeyPatch, one: dict[str, str], other: dict[str, str]) -> str:
    """The page for two annotators' labels by id."""
    for name, labels in (("anna", one), ("ben", other)):
        lines = [json.dumps({"id": key, "label": label}) for key, label in labels.items()]
        Path(f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["agreement", "anna.jsonl", "ben.jsonl"])
    main()
    return Path("reports/agreement.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("table", "expected"),  # by statsmodels 0.14 `cohens_kappa`
    [
        ([[20, 5], [10, 15]], (0.7, 0.4, 0.1511, 0.6489)),
        ([[53, 5, 2], [11, 14, 5], [1, 6, 3]], (0.7, 0.4286, 0.2797, 0.5774)),
        ([[0, 1], [1, 0]], (0.0, -1.0, -1.0, -1.0)),
        ([[3, 0], [0, 4]], (1.0, 1.0, 1.0, 1.0)),
        ([[1, 1], [0, 0]], (0.5, 0.0, 0.0, 0.0)),
    ],
)
def test_kappa_and_its_interval(table: list[list[int]], expected: tuple[float, ...]) -> None:
    pairs = [
        (str(one), str(other))
        for one, row in enumerate(table)
        for other, count in enumerate(row)
        for _ in range(count)
    ]
    assert tuple(kappa(pairs)) == pytest.approx(expected, abs=1e-4)


def test_kappa_of_one_label_is_undefined() -> None:
    assert math.isnan(kappa([("a", "a")] * 3).kappa)


def test_kappa_is_0_where_one_of_them_used_one_label_only(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = dict.fromkeys("123", "refund"), {"1": "refund", "2": "setup", "3": "refund"}
    for pair in ((one, other), (other, one)):
        page = agree(monkeypatch, *pair)
        assert "| label | 2 of 3 (66.7%) | 0.00: one annotator used a single label |  " in page


def test_kappa_of_one_and_the_same_label_is_said_to_be_undefined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = agree(monkeypatch, {"1": "refund"}, {"1": "refund"})
    assert "| not defined: both used the same single label |" in page


FREE = PARAMS.replace("labels: [refund, setup]", "labels: []")


def test_labels_are_safe_in_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("params.yaml").write_text(FREE, encoding="utf-8")
    page = agree(monkeypatch, {"1": "a|b", "2": "c"}, {"1": "<c>", "2": "c"})
    assert "| 1  | label | a\\|b       | &lt;c>    |" in page
    assert len({line.count("|") for line in page.splitlines() if line.startswith("| 1 ")}) == 1


def test_labels_that_differ_in_case_alone_are_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("params.yaml").write_text(FREE, encoding="utf-8")
    page = agree(monkeypatch, {"1": "Yes", "2": "no"}, {"1": "yes", "2": "no"})
    assert "label: labels that differ only in case count as different: Yes, yes." in page
    assert "1 of 2 (50.0%)" in page
    assert "only in case" not in agree(monkeypatch, {"1": "yes"}, {"1": "no"})


def test_personal_data_in_ids_and_labels_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("params.yaml").write_text(FREE, encoding="utf-8")
    one = {"ana@example.com": "bo@example.com", "ben@example.com": "x", "lea@example.com": "x"}
    page = agree(monkeypatch, one, {"ana@example.com": "x", "ben@example.com": "x"})
    assert "example.com" not in page
    assert "not counted: &lt;EMAIL_ADDRESS_1>." in page
    assert "| &lt;EMAIL_ADDRESS_2> | label | &lt;EMAIL_ADDRESS_3> | x " in page


def test_ids_are_the_same_as_a_number_with_a_fraction_and_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("anna.csv").write_text("id,label\n1.0,refund\n2,setup\n", encoding="utf-8")
    lines = ['{"id": 1, "label": "refund"}', '{"id": 2.0, "label": "setup"}']
    Path("ben.jsonl").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["agreement", "anna.csv", "ben.jsonl"])
    main()
    page = Path("reports/agreement.md").read_text(encoding="utf-8")
    assert "2 rows were labeled by both" in page


def test_page_lists_the_rows_they_differ_on(monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"1": "refund", "2": "setup", ASKED["id"]: "refund", "only": "setup"}
    page = agree(monkeypatch, one, {"1": "refund", "2": "setup", ASKED["id"]: "setup"})
    assert "3 rows were labeled by both" in page
    assert "Only in anna.jsonl, not counted: only." in page
    assert "| label | 2 of 3 (66.7%) | 0.40 " in page
    assert "## Where they differ: 1" in page
    (row,) = [line for line in page.splitlines() if ASKED["id"] in line]
    assert "| refund     | setup     | Where is my &lt;parcel>? 我的包裹在哪里😱 |" in row


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('{"id": "1", "label": "refnd"}', "anna.jsonl:1: label is 'refnd'; allowed are refund"),
        ('{"id": "1"}', "anna.jsonl:1: has no 'label'; each row needs id, label"),
        ('{"label": "setup"}', "anna.jsonl:1: has no 'id'"),
        ('{"id": "1", "label"', "anna.jsonl:1: cannot be read"),
        ('{"id": "1", "label": "setup"}\n' * 2, "anna.jsonl:2: the id '1' appears twice"),
        ('{"id": "2", "label": "setup"}', "have no id in common"),
        ('{"id": "1", "label": ["setup"]}', "anna.jsonl:1: label is not a string; "),
        ('{"id": "1", "label": {"a": "setup"}}', "anna.jsonl:1: label is not a string; "),
        ('{"id": "1", "label": "\\ud800"}', "anna.jsonl:1: label is not UTF-8; save the file"),
        ('{"id": "1", "label": "a@b.com"}', "label is '&lt;EMAIL_ADDRESS_1>'; allowed"),
        ('{"id": "a@b.com", "label": "setup"}\n' * 2, "the id '&lt;EMAIL_ADDRESS_1>' appears"),
    ],
)
def test_bad_input_ends_in_one_line(
    lines: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("anna.jsonl").write_text(lines, encoding="utf-8")
    Path("ben.jsonl").write_text('{"id": "1", "label": "setup"}', encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["agreement", "anna.jsonl", "ben.jsonl"])
    with pytest.raises(UserError, match=message):
        main()


@pytest.mark.parametrize("column", ["id", "label"])
def test_a_csv_in_another_encoding_is_one_line(
    column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"id": "1", "label": "refund"} | {column: "für"}
    Path("anna.csv").write_bytes(f"id,label\n{row['id']},{row['label']}\n".encode("latin-1"))
    Path("ben.csv").write_text("id,label\n1,refund\n", encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["agreement", "anna.csv", "ben.csv"])
    with pytest.raises(UserError, match=rf"^anna.csv:2: {column} is not UTF-8; save the file as"):
        main()


@pytest.mark.parametrize("other", ["anna.jsonl", "./anna.jsonl", "link.jsonl"])
def test_one_file_is_not_two_annotators(other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("anna.jsonl").write_text('{"id": "1", "label": "setup"}', encoding="utf-8")
    Path("link.jsonl").symlink_to("anna.jsonl")
    monkeypatch.setattr("sys.argv", ["agreement", "anna.jsonl", other])
    with pytest.raises(
        UserError, match=r"^anna.jsonl and .*: are the same file; name the files of two"
    ):
        main()


def test_two_files_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["agreement", "anna.jsonl"])
    with pytest.raises(UserError, match="arguments are required: LABELS"):
        main()
