"""The data spec says what the artifacts say, and nothing that changes between two runs."""

import re
from pathlib import Path
from typing import Any

import pytest

from lib.core.records import Record
from lib.report.markdown import sections
from lib.runtime.errors import UserError
from lib.runtime.files import sha256, write_json
from stages import data_spec, split
from tests.toy import PARAMS, chat, lay_out

HERE = Path(__file__).parents[2]
RAW = "data/raw/a|b"
MORE = {"changed": {}, "pii": {"X": 7}, "unused": {RAW: {"who": 61, "turn.name": 9}}}
SHARED = {"prompts": 60, "sharing": 54, "words": 0.8, "text": "read | it"}
DEDUP = {"conflicting_pairs": 1, "shared_text": {RAW: SHARED}, "losses": []}
README = "# Data\n\nFrom us.\n\n## One record\n\nA ticket.\n\n## Labeling guidelines\n\nRead it.\n"


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The spec of 60 rows, of which 3 went in curate and 2 in dedup."""
    monkeypatch.chdir(tmp_path)
    records = [
        chat(
            f"red{at} blue{at}",
            scenario=("账单", "a|b")[at % 2],
            tags=["emoji"] * (at % 3 == 0),
            source=RAW,
        )
        for at in range(60)
    ]
    lay_out(tmp_path, PARAMS.replace("entities: [", "entities: [CRYPTO, "), deduped=records)
    split.main()
    Path("data/raw").mkdir()
    Path(RAW).write_text("raw", encoding="utf-8")
    Path("data/README.md").write_text(README, encoding="utf-8")
    write_json("metrics/curate.json", metrics(65, 62, empty=3) | MORE)
    write_json("metrics/dedup.json", metrics(62, 60, near_copy=2) | DEDUP)
    return spec()


def metrics(rows_in: int, rows_kept: int, **dropped: int) -> dict[str, Any]:
    """What a stage with one source measured."""
    account = {"rows_in": rows_in, "rows_kept": rows_kept, "dropped": dropped}
    return account | {"sources": {RAW: account}}


def spec() -> str:
    """Run the stage."""
    data_spec.main()
    return Path("reports/data_spec.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "line",
    [
        "| rows read                           | 65 from 1 files",
        "| rows kept                           | 60 (92.3%)",
        "| data/raw/a\\|b | CC0-1.0 | given   | drawn | 65        | 60        |",
        "| curate | empty     | 3    | a\\|b 3 |",
        "| dedup  | near_copy | 2    | a\\|b 2 |",
        "| data/raw/a\\|b | turn.name | 9                 |",
        "| X                | 7            |",
        "| CRYPTO           | 0            |",
        "| 账单       |",
        "| a\\|b     |",
        "| emoji         |",
        "| evals/golden.jsonl      | 0    |",
        "From us.",
        "Read it.",
        "Found: **0**.",
    ],
)
def test_page_says(line: str, page: str) -> None:
    assert re.sub(" +", " ", line) in re.sub(" +", " ", page)  # columns are padded


def test_hashes_are_those_of_the_files(page: str) -> None:
    for path in (RAW, "data/split/train.jsonl", "evals/golden.jsonl"):
        assert f"{sha256(path)}  {path}\n" in page


def test_two_runs_write_the_same_bytes(page: str) -> None:
    pictures = {path: path.read_bytes() for path in Path("reports/data_spec").iterdir()}
    assert len(pictures) == 3
    assert spec() == page
    assert {path: path.read_bytes() for path in Path("reports/data_spec").iterdir()} == pictures


def test_a_section_that_is_missing_is_named(page: str) -> None:
    Path("data/README.md").write_text(README.replace("## One", "# One"), encoding="utf-8")
    with pytest.raises(UserError, match=r"data/README.md: the heading '## One record' is missing"):
        spec()


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("metrics/dedup.json", None, "not found; `dvc repro` runs the stage that writes it"),
        ("metrics/split.json", b"{", "is damaged; `make repair`, then `dvc repro`"),
        ("metrics/split.json", b"[]", "is damaged"),
        ("reports/leakage.json", b"[]", "is damaged"),
        ("data/README.md", None, "not found; .*`git checkout -- data/README.md`"),
        ("data/README.md", "für".encode("latin-1"), "is not UTF-8 .*; save it as UTF-8"),
        ("data/split/train.jsonl", b"{}\n", "is not a record; .*`dvc repro` writes it again"),
    ],
)
def test_what_is_gone_or_damaged_is_named(
    path: str, text: bytes | None, message: str, page: str
) -> None:
    if text is None:
        Path(path).unlink()
    else:
        Path(path).write_bytes(text)
    with pytest.raises(UserError, match=rf"^{path}(:1)?: {message}"):
        spec()


def test_readme_explains_every_field_of_a_record() -> None:
    table = sections((HERE / "data/README.md").read_text(encoding="utf-8"))["One record"]
    assert [name for name in Record.__annotations__ if f"`{name}`" not in table] == []
