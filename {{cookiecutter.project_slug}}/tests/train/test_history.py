"""What is kept of a trainer's history is the same in two equal runs."""

import json
from pathlib import Path

import pytest

from lib.train.history import HISTORY, speeds, write_history

STEP = {"step": 2, "loss": 1.0, "tokens_per_second": 9, "memory_bytes": 7}
END = {"step": 2, "train_runtime": 3.0, "train_loss": 1.0, "tokens": 10}
HISTORIES = {
    "sft": [STEP, {"step": 2, "eval_loss": 0.5, "eval_runtime": 1.0}, END],
    "dpo": [{"step": 1, "eval_num_tokens": 3.0, "loss": 2.0}, STEP],
}


def test_rows_are_kept_without_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_history(HISTORIES)
    rows = [json.loads(line) for line in HISTORY.read_text(encoding="utf-8").splitlines()]
    assert rows == [
        {"phase": "sft", "step": 2, "loss": 1.0},
        {"phase": "sft", "step": 2, "eval_loss": 0.5},
        {"phase": "sft", "step": 2, "tokens": 10},
        {"phase": "dpo", "step": 1, "loss": 2.0},
        {"phase": "dpo", "step": 2, "loss": 1.0},
    ]


def test_speeds_go_on_counting_steps() -> None:
    assert speeds(HISTORIES) == [
        {"step": 2, "tokens_per_second": 9, "memory_bytes": 7},
        {"step": 4, "tokens_per_second": 9, "memory_bytes": 7},
    ]
