"""Every method trains for real, on the embedded base and a handful of records."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from trl import SFTTrainer

from lib.chat import IGNORED, encode_prompt
from lib.errors import UserError
from lib.files import write_json
from lib.models import (
    check_folder,
    deterministic,
    load_model,
    load_tokenizer,
    stop_tokens,
    torch_device,
)
from lib.params.base import BaseParams
from lib.params.hardware import HardwareParams
from lib.records import Message, Record
from lib.training.adapters import merge, sort_target_modules, start_model
from lib.training.trainers import (
    Setup,
    check_pairs,
    encode_records,
    fit_dpo,
    fit_sft,
    training_dataset,
)
from stages.train import check_data
from tests.toy import chat, pair, train_params

BASE = BaseParams(model="base", licence="Apache-2.0", dtype="float32")


def setup_of(method: str, folder: Path) -> Setup:
    """A setup that seeds everything and trains for two short epochs."""
    deterministic(1, 1)
    params = train_params(method)  # type: ignore[arg-type]
    tokenizer = load_tokenizer("base")
    return Setup(params, BASE, "", tokenizer, stop_tokens(tokenizer, "base"), "cpu", folder)


def setup_with(folder: Path, **changes: Any) -> Setup:
    """A setup of full fine-tuning with other params."""
    setup = setup_of("full", folder)
    return replace(setup, params=setup.params.model_copy(update=changes))


def chats(count: int) -> list[Record]:
    return [chat(f"票 {number}", f"answer {number % 2}") for number in range(count)]


def pairs(count: int) -> list[Record]:
    return [pair(f"票 {number}", "yes", "no") for number in range(count)]


def sft(setup: Setup) -> torch.nn.Module:
    """The merged model of a supervised run over 10 records: 5 steps, checkpoints at 2, 4 and 5."""
    examples = {"train": encode_records(setup, chats(10)), "val": encode_records(setup, chats(3))}
    model = start_model(BASE, setup.params.method, "cpu")
    trainer = fit_sft(setup, model, examples)
    return merge(trainer, BASE, setup.params.method, setup.folder / "adapter")


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("method", ["lora", "full", "qlora"])
def test_sft_moves_the_weights(method: str, tmp_path: Path) -> None:
    if method == "qlora":
        pytest.importorskip("bitsandbytes")
    tuned = weights(sft(setup_of(method, tmp_path)))
    assert not same(weights(load_model("base", "float32")), tuned)
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file() == (method != "full")


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_resumed_run_ends_in_the_same_bits(method: str, tmp_path: Path) -> None:
    """It goes on in the second epoch, from the checkpoint before the last."""
    setup = setup_of(method, tmp_path)
    undisturbed = weights(sft(setup))
    shutil.rmtree(tmp_path / "sft" / "checkpoint-5")
    assert (tmp_path / "sft" / "checkpoint-4").is_dir()
    assert same(undisturbed, weights(sft(setup_of(method, tmp_path))))


def test_resumed_preference_training_ends_in_the_same_bits(tmp_path: Path) -> None:
    def tuned() -> dict[str, torch.Tensor]:
        setup = setup_of("dpo", tmp_path)
        trainer = fit_dpo(setup, sft(setup), pairs(10))
        return weights(merge(trainer, BASE, "dpo", tmp_path / "adapter"))

    undisturbed = tuned()
    shutil.rmtree(tmp_path / "dpo" / "checkpoint-5")
    assert (tmp_path / "dpo" / "checkpoint-4").is_dir()
    assert same(undisturbed, tuned())


@pytest.mark.parametrize(("loss_on", "whole"), [("answer", 0), ("prompt_first", 2), ("all", 4)])
def test_prompts_are_learnt_in_that_part(loss_on: str, whole: int, tmp_path: Path) -> None:
    setup = setup_with(tmp_path, loss_on=loss_on)
    rows = list(training_dataset(setup, encode_records(setup, chats(2))))
    assert [row["labels"] == row["input_ids"] for row in rows] == [i < whole for i in range(4)]


def test_word_dropout_blanks_that_share_of_the_prompts_only(tmp_path: Path) -> None:
    setup = setup_with(tmp_path, word_dropout=0.3)
    examples = encode_records(setup, [chat("one two three four five six 七 八 🙂" * 2, "yes")] * 50)
    rows = list(training_dataset(setup, examples))
    special = set(setup.tokenizer.all_special_ids)
    kept = [i for i, token in enumerate(examples[0].input_ids) if token in special]
    prompt = [i for i, label in enumerate(examples[0].labels) if label == IGNORED]
    blank = [[token == setup.tokenizer.pad_token_id for token in row["input_ids"]] for row in rows]
    words = set(prompt) - set(kept)
    assert not any(places[i] for places in blank for i in range(len(blank[0])) if i not in words)
    share = sum(map(sum, blank)) / (len(rows) * len(words))
    assert share == pytest.approx(0.3, abs=0.03)
    assert blank[0] != blank[-1]


def test_merged_answers_like_base_and_adapter(tmp_path: Path) -> None:
    from peft import PeftModel

    setup = setup_of("lora", tmp_path)
    merged = sft(setup)
    apart = PeftModel.from_pretrained(load_model("base", "float32"), str(tmp_path / "adapter"))
    ids = torch.tensor([encode_prompt(setup.tokenizer, [Message(role="user", content="票")], "")])
    with torch.inference_mode():
        difference = (merged(ids).logits - apart(ids).logits).abs().max().item()
    assert difference < 1e-4


def test_loss_on_a_cpu_is_that_of_trl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def first_loss(folder: str) -> float:
        setup = setup_of("full", tmp_path / folder)
        examples = {"train": encode_records(setup, chats(10)), "val": []}
        trainer = fit_sft(setup, start_model(BASE, "full", "cpu"), examples)
        return float(trainer.state.log_history[0]["loss"])

    ours = first_loss("ours")
    monkeypatch.setattr("lib.training.trainers.sft_trainer", lambda device: SFTTrainer)
    assert ours == pytest.approx(first_loss("trl"), rel=1e-5)


def test_dpo_after_sft_learns_to_prefer_the_chosen_answer(tmp_path: Path) -> None:
    setup = setup_of("dpo", tmp_path)
    trainer = fit_dpo(setup, sft(setup), pairs(32))
    history = [row for row in trainer.state.log_history if "rewards/margins" in row]
    assert history[-1]["rewards/margins"] > history[0]["rewards/margins"]


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    setup = setup_with(tmp_path, learning_rate=1e30, max_grad_norm=1e30)
    with pytest.raises(UserError, match=r"the loss is (nan|inf) at step \d+; lower"):
        sft(setup)


def test_adapter_config_is_written_in_one_order(tmp_path: Path) -> None:
    path = tmp_path / "adapter_config.json"
    write_json(path, {"target_modules": ["v_proj", "k_proj"]})
    sort_target_modules(path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"target_modules": ["k_proj", "v_proj"]}


def test_a_record_that_would_be_cut_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"record \w+: \d+ tokens, train.max_length is 64"):
        encode_records(setup_of("lora", tmp_path), [chat("word " * 99)])


def test_a_pair_that_would_be_cut_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"record \w+: \d+ tokens, train.max_length is 64"):
        check_pairs(setup_of("dpo", tmp_path), [pair("ok", "yes", "no " * 99)])


def test_dpo_without_pairs_says_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="add a source of pairs"):
        check_data(chats(1), [], setup_of("dpo", tmp_path).params)


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(UserError, match=r"hardware\.device is 'gpu', but torch sees no GPU"):
        torch_device(HardwareParams(device="gpu", threads=1))


def test_a_model_folder_without_a_model() -> None:
    with pytest.raises(UserError, match="is no model folder"):
        check_folder("models/tuned-by-nobody")
