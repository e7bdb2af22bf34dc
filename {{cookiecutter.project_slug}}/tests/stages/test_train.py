"""Every method trains for real, on the embedded base and a handful of records."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch

from lib.core.params import HardwareParams
from lib.core.records import Message
from lib.model.chat import IGNORED, encode_prompt
from lib.model.loading import load_model, load_tokenizer, torch_device
from lib.model.source import check_folder
from lib.runtime.errors import UserError
from lib.runtime.files import write_json
from lib.train.adapters import merge, sort_target_modules, start_model
from lib.train.callbacks import stop_at_nan
from lib.train.checkpoints import last_whole
from lib.train.encode import encode_records
from lib.train.history import timed
from lib.train.layout import lay_out, training_dataset
from lib.train.mask import LEARNT, share_learnt
from lib.train.preference import encode_pairs
from lib.train.preflight import check_training_device
from lib.train.trainers import fit_sft, settings
from tests.toy import chat, rows
from tests.training import (
    BASE,
    chats,
    pairs,
    same,
    setup_of,
    setup_with,
    setup_with_method,
    sft,
    sft_trainer_of,
    weights_of,
)

pytestmark = pytest.mark.slow

BITSANDBYTES = "needs bitsandbytes: pip install '.[bitsandbytes]'"


class Run(NamedTuple):
    """A run that nothing disturbed."""

    method: str
    folder: Path
    model: torch.nn.Module  # merged
    weights: dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """Train by a method, once for all tests of this file."""

    @cache
    def trained(method: str) -> Run:
        folder = tmp_path_factory.mktemp(method)
        model = sft(setup_of(method, folder))
        return Run(method, folder, model, weights_of(model))

    return trained


@pytest.fixture(params=["lora", "full", "qlora"])
def run(request: pytest.FixtureRequest, undisturbed: Callable[[str], Run]) -> Run:
    """A run of each method."""
    if request.param == "qlora":
        pytest.importorskip("bitsandbytes", reason=BITSANDBYTES)
    return undisturbed(request.param)


def test_sft_moves_the_weights(run: Run) -> None:
    assert not same(weights_of(load_model("base", "float32")), run.weights)
    adapter = run.folder / "adapter" / "adapter_model.safetensors"
    assert adapter.is_file() == (run.method != "full")


def test_a_resumed_run_ends_in_the_same_bits(run: Run, tmp_path: Path) -> None:
    """It goes on in the second epoch, from the checkpoint before the last."""
    shutil.copytree(run.folder / "sft", tmp_path / "sft")
    shutil.rmtree(tmp_path / "sft" / "checkpoint-5")
    assert (tmp_path / "sft" / "checkpoint-4").is_dir()
    assert same(run.weights, weights_of(sft(setup_of(run.method, tmp_path))))


@pytest.mark.parametrize(("loss_on", "whole"), [("answer", 0), ("prompt_first", 2), ("all", 4)])
def test_prompts_are_learnt_in_that_part(loss_on: str, whole: int, tmp_path: Path) -> None:
    setup = setup_with(tmp_path, loss_on=loss_on)
    laid = list(training_dataset(setup, encode_records(setup, chats(2))))
    assert [row["labels"] == row["input_ids"] for row in laid] == [i < whole for i in range(4)]


def test_gradient_checkpointing_changes_no_bit(run: Run, tmp_path: Path) -> None:
    setup = setup_of(run.method, tmp_path / "again")
    params = setup.params.model_copy(update={"gradient_checkpointing": True})
    trainer = sft_trainer_of(replace(setup, params=params))
    assert trainer.accelerator.unwrap_model(trainer.model).is_gradient_checkpointing
    again = merge(trainer, BASE, run.method, tmp_path / "adapter")
    assert same(run.weights, weights_of(again))


def test_dataloader_workers_change_no_bit(
    undisturbed: Callable[[str], Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_workers(*args: Any) -> dict[str, Any]:
        return settings(*args) | {"dataloader_num_workers": 2}

    monkeypatch.setattr("lib.train.trainers.settings", with_workers)
    found = weights_of(sft(setup_of("lora", tmp_path / "workers")))
    assert same(undisturbed("lora").weights, found)


def test_word_dropout_blanks_that_share_of_the_prompts_only(tmp_path: Path) -> None:
    setup = setup_with(tmp_path, word_dropout=0.3)
    examples = encode_records(setup, [chat("one two three four five six 七 八 🙂" * 2, "yes")] * 50)
    laid = list(training_dataset(setup, examples))
    special = set(setup.tokenizer.all_special_ids)
    kept = [i for i, token in enumerate(examples[0].input_ids) if token in special]
    prompt = [i for i, label in enumerate(examples[0].labels) if label == IGNORED]
    blank = [[token == setup.tokenizer.pad_token_id for token in row["input_ids"]] for row in laid]
    words = set(prompt) - set(kept)
    assert not any(places[i] for places in blank for i in range(len(blank[0])) if i not in words)
    share = sum(map(sum, blank)) / (len(laid) * len(words))
    assert share == pytest.approx(0.3, abs=0.03)
    assert blank[0] != blank[-1]


def test_merged_answers_like_base_and_adapter(undisturbed: Callable[[str], Run]) -> None:
    from peft import PeftModel

    run, tokenizer = undisturbed("lora"), load_tokenizer("base")
    apart = PeftModel.from_pretrained(load_model("base", "float32"), str(run.folder / "adapter"))
    ids = torch.tensor([encode_prompt(tokenizer, [Message(role="user", content="票")], "")])
    with torch.inference_mode():
        difference = (run.model(ids).logits - apart(ids).logits).abs().max().item()
    assert difference < 1e-4


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    setup = setup_with(tmp_path, learning_rate=1e30, max_grad_norm=1e30)
    with pytest.raises(UserError, match=r"the (loss|gradient) is (nan|inf) at step \d+; lower"):
        sft(setup)


def test_a_last_loss_that_is_no_number_makes_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 5 steps the first is logged, and those of checkpoints: 2 and 4."""
    real, calls = torch.nn.functional.cross_entropy, []

    def cross_entropy(*args: Any, **named: Any) -> torch.Tensor:
        calls.append(1)
        return real(*args, **named) * (torch.nan if len(calls) == 5 else 1)

    setup = setup_of("full", tmp_path)
    examples = {"train": encode_records(setup, chats(20)), "val": []}
    setup = replace(setup, params=setup.params.model_copy(update={"epochs": 1}))
    monkeypatch.setattr("torch.nn.functional.cross_entropy", cross_entropy)
    with pytest.raises(UserError, match="the loss is nan at step 5; lower"):
        fit_sft(setup, start_model(BASE, "full", "cpu"), examples)
    assert last_whole(tmp_path / "sft") == str(tmp_path / "sft/checkpoint-4")


@pytest.mark.parametrize("name", ["grad_norm", "eval_loss"])
def test_what_else_must_be_a_number(name: str) -> None:
    state = SimpleNamespace(global_step=3)
    with pytest.raises(UserError, match=r"is inf at step 3"):
        stop_at_nan().on_log(SimpleNamespace(output_dir=""), state, None, logs={name: math.inf})


def test_adapter_config_is_written_in_one_order(tmp_path: Path) -> None:
    path = tmp_path / "adapter_config.json"
    write_json(path, {"target_modules": ["v_proj", "k_proj"]})
    sort_target_modules(path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"target_modules": ["k_proj", "v_proj"]}


def test_a_record_that_would_be_cut_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"record \w+: \d+ tokens, train.max_length is 64"):
        encode_records(setup_of("lora", tmp_path), [chat("word " * 99)])


def test_a_record_that_is_not_learnt_is_named_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = replace(setup_of("lora", tmp_path), stops={7})
    monkeypatch.chdir(tmp_path)
    for encode, record in ((encode_records, chats(1)[0]), (encode_pairs, pairs(1)[0])):
        with pytest.raises(UserError, match=r"record \w+: loss mask: no end.*; logs/train/learnt"):
            encode(setup_with_method(setup, "dpo"), [record])
        assert [row["phase"] for row in rows(LEARNT)] == ["refused"] * 2
        LEARNT.unlink()


def test_a_template_that_refuses_a_record_names_it(tmp_path: Path) -> None:
    setup = setup_of("lora", tmp_path)
    setup.tokenizer.chat_template = "{{ raise_exception('no roles') }}"
    with pytest.raises(UserError, match=r"record \w+: chat template of the base: no roles"):
        encode_records(setup, chats(1))


def test_the_share_that_is_learnt_is_that_of_training(tmp_path: Path) -> None:
    setup = setup_with(tmp_path, loss_on="all")
    assert share_learnt(lay_out(setup, encode_records(setup, chats(3)))) == 1


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(UserError, match=r"hardware\.device is 'gpu', but torch sees no GPU"):
        torch_device(HardwareParams(device="gpu", threads=1))


def test_bf16_where_the_chip_has_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    setup = replace(setup_of("lora", tmp_path), device="cuda:0")
    for has in (True, False):
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda including_emulation, has=has: has
        )
        assert settings(setup, "sft", 1e-3)["bf16"] is has
    base = BASE.model_copy(update={"dtype": "bfloat16"})
    with pytest.raises(UserError, match="bfloat16, which this GPU does not support"):
        check_training_device(setup.params, base, "cuda:0")


def test_speed_is_that_of_all_trainings_in_this_session() -> None:
    histories = {
        "sft": [{"train_runtime": 1.0, "step": 10, "tokens": 1000}],
        "dpo": [{"train_runtime": 1.0, "step": 4, "tokens": 400}],
    }
    found = timed(histories, {"sft": 10, "dpo": 1}, 10.0)
    assert (found["tokens_per_second"], found["resumed_at_step"]) == (30, 11)


def test_the_rate_of_adapters_is_told_where_every_weight_learns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = BASE.model_copy(update={"model": "org/name"})
    for method, told in (("lora", False), ("full", True)):
        params = setup_of(method, tmp_path).params
        check_training_device(params, base, "cpu")
        assert ("learning_rate 0.001 is for adapters" in capsys.readouterr().out) is told


def test_packed_rows_want_a_gpu_that_computes_in_bf16(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.train.preflight.has_bf16", lambda device: False)
    params = setup_with(tmp_path, packing=True).params
    with pytest.raises(UserError, match="packing is true, which needs a GPU"):
        check_training_device(params, BASE, "cuda:0")
    check_training_device(params, BASE, "cpu")


def test_a_model_folder_without_a_model() -> None:
    with pytest.raises(UserError, match="is not a model folder"):
        check_folder("models/tuned-by-nobody")
