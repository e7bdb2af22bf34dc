"""Two annotators in, kappa and the rows they differ on out."""

import json
import math
from pathlib import Path

import pytest

from lib.errors import UserError
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


def test_kappa_is_undefined_where_one_of_them_used_one_label_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = dict.fromkeys("123", "refund"), {"1": "refund", "2": "setup", "3": "refund"}
    page = agree(monkeypatch, one, other)
    assert "| label | 2 of 3 (66.7%) | not defined: one annotator used a single label |" in page
    assert "0.00" not in page


def test_page_lists_the_rows_they_differ_on(monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"1": "refund", "2": "setup", ASKED["id"]: "refund", "only": "setup"}
    page = agree(monkeypatch, one, {"1": "refund", "2": "setup", ASKED["id"]: "setup"})
    assert "3 rows were labelled by both" in page
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
        ('{"id": "1", "label": "setup"}\n' * 2, "anna.jsonl:2: the id '1' is there twice"),
        ('{"id": "2", "label": "setup"}', "have no id in common"),
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


def test_two_files_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["agreement", "anna.jsonl"])
    with pytest.raises(UserError, match="usage"):
        main()
