"""Where an interrupted run goes on from."""

from pathlib import Path

import pytest

from lib.training import checkpoints
from lib.training.checkpoints import last_whole, scratch


def checkpoint(folder: Path, step: int, state: str | None) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir()
    if state is not None:
        (path / "trainer_state.json").write_text(state, encoding="utf-8")
    return path


def test_the_newest_whole_checkpoint_counts(tmp_path: Path) -> None:
    whole = checkpoint(tmp_path, 9, "{}")
    checkpoint(tmp_path, 10, '{"half')
    checkpoint(tmp_path, 11, None)
    assert last_whole(tmp_path) == str(whole)


def test_a_fresh_run_has_none(tmp_path: Path) -> None:
    assert last_whole(tmp_path / "absent") is None


def test_any_changed_setting_is_another_run() -> None:
    assert scratch({"seed": 1}, "hash") != scratch({"seed": 2}, "hash")


def test_other_code_is_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    before = scratch({"seed": 1})
    monkeypatch.setattr(checkpoints, "version", lambda name: f"{name} 99")
    assert scratch({"seed": 1}) != before


def test_temporary_workspaces_share_the_main_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", "/main")
    assert scratch("x").is_relative_to("/main/.scratch/train")
