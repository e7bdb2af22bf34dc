"""Only data that the leakage check compared is used; what is missing or damaged is named."""

import json
from pathlib import Path

import pytest

from lib.core.leakage_check import LEAKAGE_REPORT, require_all_checked, require_checked
from lib.runtime.errors import UserError
from tests.splitting import different, split
from tests.toy import case

TRAIN, VAL = "data/split/train.jsonl", "data/split/val.jsonl"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    split(*different(40), golden=[case("g1", "a b c")], old=[case("o1", "d e f")])


def test_what_split_wrote_and_compared_passes() -> None:
    require_checked(TRAIN, VAL)
    require_all_checked()


@pytest.mark.parametrize("path", ["evals/golden.jsonl", "evals/old.jsonl", "data/split/test.jsonl"])
def test_a_file_that_changed_after_the_check_is_refused(path: str) -> None:
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(json.dumps(case("new", "red1 blue1 green1")) + "\n")
    with pytest.raises(UserError, match=rf"^{path}: has changed since .*leakage.json"):
        require_all_checked()


@pytest.mark.parametrize("name", ["new.jsonl", "deep/er/new.csv"])
def test_a_file_that_came_into_evals_after_the_check_is_refused(name: str) -> None:
    path = Path("evals") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(case("new", "red1 blue1 green1")), encoding="utf-8")
    require_checked(TRAIN, VAL)
    with pytest.raises(UserError, match=rf"^{path}: is not in reports/leakage.json; `dvc repro"):
        require_all_checked()


@pytest.mark.parametrize("path", [VAL, "evals/adversarial.jsonl", "evals/old.jsonl"])
def test_a_file_that_is_gone_is_named(path: str) -> None:
    Path(path).unlink()
    with pytest.raises(UserError, match=rf"^{path}: not found; .*`dvc repro split`"):
        require_checked(path)
    with pytest.raises(UserError, match=rf"^{path}: not found"):
        require_all_checked()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"compared": []}', "\ud800"])
def test_a_damaged_report_is_one_line(text: str) -> None:
    LEAKAGE_REPORT.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UserError, match=f"^{LEAKAGE_REPORT}: is damaged; `dvc repro split`"):
        require_checked(TRAIN)


def test_a_report_that_is_gone_is_named() -> None:
    LEAKAGE_REPORT.unlink()
    with pytest.raises(UserError, match=f"^{LEAKAGE_REPORT}: not found; `dvc repro split`"):
        require_checked(TRAIN)
