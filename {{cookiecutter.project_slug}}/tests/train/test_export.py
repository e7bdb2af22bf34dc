"""What leaves training is what was trained, and answers as eval measures."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate import Accelerator

from lib.core.params import BaseParams
from lib.model.loading import deterministic, load_model, load_tokenizer
from lib.runtime.errors import UserError
from lib.train import adapters, export
from lib.train.adapters import merge_adapter
from lib.train.export import deviation, generation_config, logits, merge_checked
from tests.toy import CPU
from tests.training import setup_of, sft_trainer_of

BASE = BaseParams(model="base", license="Apache-2.0", dtype="float32")
EXAMPLES = [[5, 6, 7, 8], [9, 10, 11]]


@pytest.fixture
def trainer() -> Any:
    """One that ended with random adapter weights."""
    from peft import LoraConfig, get_peft_model

    deterministic(1, CPU)
    lora = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
    model = get_peft_model(load_model("base", "float32"), lora)
    return SimpleNamespace(accelerator=SimpleNamespace(unwrap_model=lambda one: one), model=model)


def test_merged_agrees_with_base_and_adapter(trainer: Any, tmp_path: Any) -> None:
    _, difference = merge_checked(trainer, BASE, "lora", tmp_path / "adapter", EXAMPLES)
    assert 0 <= difference < 1e-3


def test_a_merge_that_loses_the_adapter_ends_in_one_line(
    trainer: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "merge_adapter", lambda model: model.unload())
    with pytest.raises(UserError, match=r"off by [\d.]+ standard deviations .* 0.001 is allowed"):
        merge_checked(trainer, BASE, "lora", tmp_path / "adapter", EXAMPLES)


def test_logits_that_are_no_number_do_not_pass(trainer: Any, tmp_path: Any) -> None:
    for name, weight in trainer.model.named_parameters():
        if "lora_B" in name:
            weight.data.fill_(torch.nan)
    with pytest.raises(UserError, match="training diverged; lower train"):
        merge_checked(trainer, BASE, "lora", tmp_path / "adapter", EXAMPLES)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_weights_spread_over_processes_are_gathered(
    method: str, trainer: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if method == "full":
        trainer.model = load_model("base", "float32")
    monkeypatch.setattr(adapters, "sharded", lambda: True)
    trainer.save_model = trainer.model.save_pretrained
    trainer.accelerator.wait_for_everyone = lambda: None
    adapters.gather_weights(trainer, tmp_path / "adapter")
    again = adapters.adapted(trainer, BASE, method, tmp_path / "adapter")
    assert again is not trainer.model
    assert deviation(logits(trainer.model, EXAMPLES), logits(again, EXAMPLES)) == 0


def test_a_plain_model_is_its_own_merge() -> None:
    model = load_model("base", "float32")
    assert merge_adapter(model) is model


def test_nothing_is_reported_to_the_makers_of_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_DISABLE_TELEMETRY", raising=False)
    deterministic(1, CPU)
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"


def test_generation_is_greedy_and_ends_at_every_stop() -> None:
    config = generation_config(load_tokenizer("base"), {7, 2})
    assert (config.do_sample, config.eos_token_id, config.pad_token_id) == (False, [2, 7], 0)
    assert (config.temperature, config.top_k, config.top_p) == (None, None, None)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_what_trained_in_16_bits_is_compared_in_its_own(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU, where accelerate has the model compute in bfloat16 whatever its weights are."""
    monkeypatch.setattr("lib.train.trainers.has_bf16", lambda device: True)
    trainer = sft_trainer_of(setup_of(method, tmp_path))
    merged, difference = merge_checked(trainer, BASE, method, tmp_path / "adapter", EXAMPLES)
    assert difference <= export.TOLERANCE["float32"]
    assert torch.equal(logits(merged, EXAMPLES), logits(reloaded(merged, tmp_path), EXAMPLES))


def test_a_second_training_computes_in_16_bits_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As DPO of every weight after supervised fine-tuning, on a GPU."""
    monkeypatch.setattr("lib.train.trainers.has_bf16", lambda device: True)
    trainer = sft_trainer_of(setup_of("full", tmp_path))
    model = adapters.merge(trainer, BASE, "full", tmp_path / "adapter")
    again = Accelerator(mixed_precision="bf16", cpu=True).prepare_model(model)
    computed: list[torch.dtype] = []
    again.model.layers[0].mlp.gate_proj.register_forward_hook(
        lambda _, __, output: computed.append(output.dtype)
    )
    again(torch.tensor([EXAMPLES[0]]))
    assert computed == [torch.bfloat16]


def reloaded(model: Any, folder: Path) -> Any:
    """The model as its files hold it."""
    model.save_pretrained(folder / "saved")
    return load_model(str(folder / "saved"), "float32")
