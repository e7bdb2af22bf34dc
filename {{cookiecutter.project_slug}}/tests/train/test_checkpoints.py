"""Where an interrupted run goes on from."""

from pathlib import Path

import pytest
import torch

import lib.runtime.scratch
from lib.train.checkpoints import last_whole, scratch


def checkpoint(folder: Path, step: int, state: str | None) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir(exist_ok=True)
    if state is not None:
        (path / "trainer_state.json").write_text(state, encoding="utf-8")
    return path


def test_the_newest_whole_checkpoint_counts(tmp_path: Path) -> None:
    checkpoint(tmp_path, 8, "{}")
    whole = checkpoint(tmp_path, 10, "{}")  # after 8 by number, before it by name
    checkpoint(tmp_path, 11, '{"half')
    checkpoint(tmp_path, 12, None)
    assert last_whole(tmp_path) == str(whole)


def test_a_checkpoint_of_several_processes_has_the_random_state_of_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first writes trainer_state.json, and does not wait for the others."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    states = [checkpoint(tmp_path, 9, "{}") / f"rng_state_{rank}.pth" for rank in (0, 1)]
    torch.save({}, states[0])
    assert last_whole(tmp_path) is None
    states[1].write_bytes(states[0].read_bytes()[:100])
    assert last_whole(tmp_path) is None
    torch.save({}, states[1])
    assert last_whole(tmp_path) == str(states[0].parent)


def test_a_copy_made_by_hand_is_none(tmp_path: Path) -> None:
    whole = checkpoint(tmp_path, 9, "{}")
    (tmp_path / "checkpoint-9 (copy)").mkdir()
    assert last_whole(tmp_path) == str(whole)


def test_a_fresh_run_has_none(tmp_path: Path) -> None:
    assert last_whole(tmp_path / "absent") is None


def test_any_changed_setting_is_another_run() -> None:
    assert scratch({"seed": 1}, "hash") != scratch({"seed": 2}, "hash")


def test_other_code_is_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    before = scratch({"seed": 1})
    monkeypatch.setattr(lib.runtime.scratch, "version", lambda name: f"{name} 99")
    assert scratch({"seed": 1}) != before


def test_temporary_workspaces_share_the_main_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", "/main")
    assert scratch("x").is_relative_to("/main/.scratch/train")
