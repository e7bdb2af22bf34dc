"""Which files a glob means, and the columns that stand in the names of folders."""

from pathlib import Path

import pytest

from lib.curate.params import Source
from lib.curate.sources import find_files, partition
from lib.runtime.errors import UserError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    made = tmp_path / "data/raw/lang=de"
    made.mkdir(parents=True)
    return made


def found(path: str) -> list[str]:
    source = Source(path=path, license="MIT", consent="given")
    return [file.name for _, files in find_files([source]) for file in files]


def test_files_that_programs_keep_beside_data(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("part-0.csv", "_SUCCESS", "._part-0.csv", ".DS_Store"):
        (folder / name).touch()
    assert found("data/raw/**/*") == ["part-0.csv"]
    assert "_SUCCESS" in capsys.readouterr().out
    assert found("data/raw/lang=de/_SUCCESS") == ["_SUCCESS"]  # named, it is meant


def test_a_link_to_nothing_stops(folder: Path) -> None:
    (folder / "a.csv").symlink_to("gone.csv")
    with pytest.raises(UserError, match="is a link to a missing file"):
        found("data/raw/**/*")


def test_a_folder_is_answered_with_a_glob_that_finds_its_files(folder: Path) -> None:
    (folder / "a.csv").touch()
    with pytest.raises(UserError, match=r"write data/raw/\*\*/\* for its files"):
        found("data/raw/")
    with pytest.raises(UserError, match=r"write data/raw/lang=de/\* for its files"):
        found("data/raw/lang=de")


def test_columns_in_the_names_of_folders() -> None:
    assert partition("data/raw/lang=de/kind=a%20b/part-0.csv") == {"lang": "de", "kind": "a b"}
    assert partition("data/raw/a=b.csv") == {}


def test_a_test_set_beside_what_is_learnt_stops(folder: Path) -> None:
    for name in ("train-0.csv", "test-0.csv"):
        (folder / name).touch()
    with pytest.raises(UserError, match=r"test-0\.csv: its name says 'test'.*split: test"):
        found("data/raw/**/*")
    assert found("data/raw/lang=de/test-0.csv") == ["test-0.csv"]


def test_a_folder_of_tests_beside_what_is_learnt_stops(folder: Path) -> None:
    for name in ("train", "test"):
        (folder / name).mkdir()
        (folder / name / "a.csv").touch()
    with pytest.raises(UserError, match=r"test/a\.csv: its name says 'test'"):
        found("data/raw/**/*")


def test_a_name_with_test_that_is_nobodys_pair_is_read(folder: Path) -> None:
    for name in ("tickets.csv", "load_test_reports.csv", "contest.csv"):
        (folder / name).touch()
    assert len(found("data/raw/**/*")) == 3
