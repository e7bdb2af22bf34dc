"""What split prints where a split is empty, or many rows lie between two, names the cause; its cure
works as it stands."""

import re
from pathlib import Path

import pytest

from lib.core.records import Record
from lib.runtime.errors import UserError
from stages.split import SPLITS, main
from tests.splitting import different, split
from tests.stages.test_split import templated
from tests.toy import PARAMS, chat, lay_out, metrics


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def advice(*records: Record) -> str:
    """What the stage says of an empty split."""
    with pytest.raises(UserError, match=r"is empty \(train \d+, val \d+, test \d+\); ") as error:
        split(*records)
    assert "\n" not in str(error.value)
    return str(error.value)


def works(cure: str, *records: Record) -> None:
    """Type a cure such as `split.threshold: 0.8` into params.yaml and run the stage."""
    key, value = cure.removeprefix("split.").split(": ")
    section = PARAMS.index("\nsplit:")
    changed = re.sub(rf"{key}: [\d.]+", f"{key}: {value}", PARAMS[section:])
    lay_out(Path(), PARAMS[:section] + changed, deduped=list(records))
    main()
    assert all(metrics("split")[name]["rows"] for name in SPLITS)


def test_rows_that_resemble_each_other_are_quoted_and_a_threshold_parts_them() -> None:
    text = "my lock beeps all night and the neighbours are angry about"
    records = [chat(f"{text} w{at} x{at} y{at}") for at in range(40)]
    said = advice(*records)
    assert "40 of 40 rows resemble or quote each other and must share a split; the text" in said
    assert f'they share most: "{text}"' in said
    (cure,) = re.findall("`(split.threshold: [0-9.]+)` fills every split", said)
    works(cure, *records)


def test_rows_that_no_threshold_parts_are_told_so() -> None:
    text = " ".join(f"w{at}" for at in range(30))
    records = [chat(text, answer) for answer in map(str, range(30))]
    assert "no split.threshold separates them: fix the split of a source" in advice(*records)


def test_groups_are_a_cause() -> None:
    said = advice(*(record | {"groups": ["one"]} for record in different(40)))
    assert "40 of 40 rows are connected by shared groups" in said
    assert "map another column to `group`" in said


def test_sources_that_fix_every_split_are_a_cause() -> None:
    said = advice(*(record | {"split": "train"} for record in different(9)))
    assert "every source fixes its split" in said


def test_few_rows_get_a_seed_that_fills_all() -> None:
    records = different(3)
    said = advice(*records)
    assert "the rows form only 3 indivisible parts" in said
    (cure,) = re.findall("`(split.seed: [0-9]+)`, which fills all", said)
    works(cure, *records)


def test_one_row_cannot_fill_three_splits() -> None:
    said = advice(chat("only one"))
    assert "the rows form only 1 indivisible parts" in said
    assert said.endswith("set the share of the empty one, split.val or split.test, to 0")


def test_no_rows_at_all() -> None:
    assert "data/deduped.jsonl has no rows" in advice()


def test_rows_between_splits_get_a_threshold_that_leaves_few(
    capsys: pytest.CaptureFixture[str],
) -> None:
    records = templated(300)
    split(*records)
    said = capsys.readouterr().out
    assert "% of the rows resemble rows of two splits and are dropped" in said
    assert 'rows share most: "' in said
    (cure,) = re.findall("`(split.threshold: [0-9.]+)` leaves few of them", said)
    works(cure, *records)
    assert metrics("split")["dropped"].get("between_splits", 0) <= 15
