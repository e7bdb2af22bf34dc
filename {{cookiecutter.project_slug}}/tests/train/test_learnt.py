"""A training that learnt nothing says so, and a first step learns."""

from pathlib import Path

import pytest
import torch

from lib.train.adapters import start_model
from lib.train.encode import encode_records
from lib.train.learnt import adapter_is_zero, is_unchanged, judge
from lib.train.trainers import fit_sft
from tests.training import BASE, chats, same, setup_with, weights_of

END = {"step": 40, "train_runtime": 3.0}


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant_with_warmup"])
def test_the_only_step_of_a_run_changes_the_weights(schedule: str, tmp_path: Path) -> None:
    setup = setup_with(tmp_path, warmup=0.05, batch_size=16, epochs=1, schedule=schedule)
    model = start_model(BASE, "full", "cpu")
    before = weights_of(model)
    trainer = fit_sft(setup, model, {"train": encode_records(setup, chats(2)), "val": []})
    assert trainer.state.global_step == 1
    assert not same(before, weights_of(model))


def test_the_rate_rises_from_above_zero_to_all_of_it(tmp_path: Path) -> None:
    setup = setup_with(tmp_path, warmup=0.3, batch_size=1, epochs=1)  # 3 of 10 steps
    model = start_model(BASE, "full", "cpu")
    trainer = fit_sft(setup, model, {"train": encode_records(setup, chats(10)), "val": []})
    rates = [trainer.lr_scheduler.lr_lambdas[0](step) for step in range(10)]
    assert rates[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert all(0 < rate < 1 for rate in rates[4:])


def history(*losses: float) -> list[dict[str, float]]:
    return [*({"step": 20.0 * at, "eval_loss": one} for at, one in enumerate(losses)), END]


def test_a_loss_that_did_not_fall_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    found = judge({"sft": history(0.5, 0.5, 0.6)}, unchanged=False, records=9)
    assert found == {"few_steps": False, "learnt": False}
    assert "sft: the validation loss did not fall" in capsys.readouterr().err


def test_a_run_of_one_step_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    found = judge({"sft": [{"step": 1, "loss": 2.0}]}, unchanged=False, records=8)
    assert found == {"few_steps": True, "learnt": True}
    assert "sft took 1 step in all (8 records)" in capsys.readouterr().err


def test_a_model_that_is_its_base_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert not judge({"sft": history(0.5, 0.4)}, unchanged=True, records=9)["learnt"]
    assert "the model learnt nothing" in capsys.readouterr().err


def test_a_training_that_learns_is_not_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    found = judge({"sft": history(0.5, 0.4), "dpo": history(0.69, 0.7, 0.6)}, False, 99)
    assert found == {"few_steps": False, "learnt": True}
    assert capsys.readouterr().err == ""


def test_an_unchanged_model_is_told_by_its_answers_and_its_adapter(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    one, other = torch.zeros(2, 3), torch.ones(2, 3)
    assert is_unchanged(one, one.clone(), tmp_path)
    assert not is_unchanged(one, other, tmp_path)
    assert not is_unchanged(None, other, tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    save_file({"q.lora_A.weight": other, "q.lora_B.weight": one}, file)
    assert adapter_is_zero(tmp_path)
    assert is_unchanged(None, other, tmp_path)
    save_file({"q.lora_A.weight": other, "q.lora_B.weight": other + 1}, file)
    assert not adapter_is_zero(tmp_path)
