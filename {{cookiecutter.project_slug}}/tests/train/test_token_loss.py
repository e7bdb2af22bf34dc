"""Losses are means over the learnt tokens, in training as on validation."""

from pathlib import Path

import pytest
import torch
from trl import SFTTrainer

from lib.model.chat import IGNORED
from lib.model.loading import load_model
from lib.train.adapters import start_model
from lib.train.encode import encode_records
from lib.train.history import measured
from lib.train.trainers import fit_sft
from tests.toy import chat
from tests.training import BASE, chats, setup_of, setup_with, sft_trainer_of

pytestmark = pytest.mark.slow


def test_loss_on_a_cpu_is_that_of_trl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def first_loss(folder: str) -> float:
        setup = setup_of("full", tmp_path / folder)
        examples = {"train": encode_records(setup, chats(10)), "val": []}
        trainer = fit_sft(setup, start_model(BASE, "full", "cpu"), examples)
        return float(trainer.state.log_history[0]["loss"])

    ours = first_loss("ours")
    monkeypatch.setattr("lib.train.trainers.sft_trainer", lambda device: SFTTrainer)
    assert ours == pytest.approx(first_loss("trl"), rel=1e-5)


@pytest.mark.parametrize("packing", [False, True])
def test_validation_counts_every_learnt_token_once(packing: bool, tmp_path: Path) -> None:
    """Whatever the size of a batch; answers of one token and of many."""
    val = [chat("票", "yes " * (1 + 9 * (at % 2))) for at in range(5)]

    def last_loss(size: int) -> float:
        changes = {"batch_size": size, "learning_rate": 1e-20, "packing": packing}
        trainer = sft_trainer_of(setup_with(tmp_path / str(size), **changes), val)
        return float(measured(trainer.state.log_history, "last")["val_loss"])

    model = load_model("base", "float32")
    total = learnt = 0.0
    for example in encode_records(setup_of("full", tmp_path), val):
        ids, labels = torch.tensor([example.input_ids]), torch.tensor([example.labels])
        count = sum(label != IGNORED for label in example.labels)
        total, learnt = (
            total + count * float(model(ids, labels=labels).loss.detach()),
            learnt + count,
        )
    losses = [last_loss(1), last_loss(2), last_loss(8)]
    assert losses == pytest.approx([total / learnt] * 3, rel=1e-5)
