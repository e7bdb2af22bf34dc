"""Curves of a training: steps go on counting from one training to the next."""

import json
from pathlib import Path

import pytest

from lib.report.history import write_curves

ROWS = [
    {"phase": "sft", "step": 1, "loss": 2.0, "grad_norm": 1.0, "learning_rate": 0.1},
    {"phase": "sft", "step": 2, "eval_loss": 1.5},
    {"phase": "sft", "step": 2, "total_flos": 9.0},
    {"phase": "dpo", "step": 1, "loss": 0.7, "grad_norm": 0.5, "learning_rate": 0.2},
]


def test_curves_of_two_trainings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_curves(ROWS)
    train, val = (json.loads(Path(f"plots/{name}.json").read_text()) for name in ("train", "val"))
    assert [(row["phase"], row["step"], row["loss"]) for row in train] == [
        ("sft", 1, 2.0),
        ("dpo", 3, 0.7),
    ]
    assert val == [{"phase": "sft", "step": 2, "loss": 1.5}]
    assert "Gradient norm" in Path("reports/train.svg").read_text(encoding="utf-8")
