"""Files are whole or absent."""

from pathlib import Path

import pytest

from lib.runtime.files import atomic_folder, atomic_text, sha256, write_json


class KilledError(Exception):
    """Stands for whatever ends a stage half-way."""


def die_after(_: object) -> None:
    """End a stage when something was written."""
    raise KilledError


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KilledError), atomic_text(path) as file:
        die_after(file.write("new"))
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("a.txt", "old")]


def test_failed_folder_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/old").touch()
    with pytest.raises(KilledError), atomic_folder(tmp_path / "out") as folder:
        die_after((folder / "new").write_text("new"))
    assert sorted(one.name for one in tmp_path.rglob("*")) == ["old", "out"]


def test_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/old").touch()
    with atomic_folder(tmp_path / "out") as folder:
        (folder / "new").touch()
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["new"]


def test_json_is_readable_in_any_language(tmp_path: Path) -> None:
    write_json(tmp_path / "deep/a.json", {"b": "灯", "a": 1})
    text = (tmp_path / "deep/a.json").read_text(encoding="utf-8")
    assert text == '{\n  "b": "灯",\n  "a": 1\n}\n'


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a").startswith("ba7816bf8f01cfea")
