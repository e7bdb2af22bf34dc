"""train.keep best: the checkpoint with the least validation loss is the model, and no other."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from transformers import Trainer

from lib.runtime.errors import UserError
from lib.train.history import measured
from lib.train.trainers import run_trainer
from tests.toy import chat
from tests.training import same, setup_with, sft_trainer_of, weights_of

pytestmark = pytest.mark.slow


def stopping_early(folder: Path) -> Trainer:
    """A run that learns what its validation records contradict."""
    changes = {"learning_rate": 3e-3, "epochs": 8, "keep": "best", "early_stopping": 2}
    contradicted = [chat(f"票 {number}", "no such thing") for number in range(3)]
    return sft_trainer_of(setup_with(folder, **changes), contradicted)


def test_the_best_checkpoint_is_kept_and_training_stops_early(tmp_path: Path) -> None:
    trainer = stopping_early(tmp_path)
    found = measured(trainer.state.log_history, "best")
    validated = [row["eval_loss"] for row in trainer.state.log_history if "eval_loss" in row]
    assert found["steps"] == found["kept_step"] + 4 < 20
    assert trainer.evaluate()["eval_loss"] == found["val_loss"] == min(validated)


def test_a_run_that_stopped_early_is_not_trained_further(tmp_path: Path) -> None:
    """Killed after its last step, before it was written."""
    first, again = stopping_early(tmp_path), stopping_early(tmp_path)
    assert first.state.global_step == again.state.global_step
    assert same(weights_of(first.model), weights_of(again.model))


def test_the_best_checkpoint_is_found_in_a_project_that_has_moved(tmp_path: Path) -> None:
    first = stopping_early(tmp_path / "before")
    (tmp_path / "before").rename(tmp_path / "after")
    again = stopping_early(tmp_path / "after")
    assert same(weights_of(first.model), weights_of(again.model))


def test_a_best_checkpoint_that_is_gone_ends_the_run(tmp_path: Path) -> None:
    best = stopping_early(tmp_path).state.best_model_checkpoint
    Path(best, "trainer_state.json").write_text('{"half', encoding="utf-8")
    with pytest.raises(
        UserError, match=r"best checkpoint so far, is missing or incomplete.*; delete .*/sft and"
    ):
        stopping_early(tmp_path)


def test_no_best_checkpoint_where_one_is_to_be_kept_ends_the_run(tmp_path: Path) -> None:
    args, state = SimpleNamespace(output_dir=str(tmp_path)), SimpleNamespace()
    state.best_model_checkpoint = None
    trainer = SimpleNamespace(args=args, state=state, model=None, train=lambda **_: None)
    trainer.add_callback = trainer.remove_callback = trainer.create_scheduler = lambda _: None
    with pytest.raises(UserError, match="there is no best checkpoint"):
        run_trainer(trainer, "best")
    run_trainer(trainer, "last")
