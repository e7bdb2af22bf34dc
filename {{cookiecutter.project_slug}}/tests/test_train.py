"""Every method trains for real, on the embedded base and a handful of records."""

import json
from pathlib import Path

import pytest
import torch

from lib.chat import encode_prompt
from lib.errors import UserError
from lib.files import write_json
from lib.models import check_folder, deterministic, load_model, load_tokenizer, torch_device
from lib.params.base import BaseParams
from lib.params.hardware import HardwareParams
from lib.params.train import DpoParams, LoraParams, TrainParams
from lib.records import Message, Record
from lib.training import encode_records, fit_dpo, fit_sft
from stages.train import check_enough, merge, sort_target_modules, start_model
from tests.toy import chat, pair

BASE = BaseParams(model="base", licence="Apache-2.0", dtype="float32")


def params(method: str) -> TrainParams:
    return TrainParams(
        method=method,  # type: ignore[arg-type]
        seed=1,
        epochs=2,
        learning_rate=1e-3,
        schedule="cosine",
        warmup=0.0,
        weight_decay=0.0,
        max_grad_norm=1.0,
        batch_size=4,
        gradient_accumulation=1,
        max_length=64,
        loss_on="answer",
        checkpoint_steps=100,
        lora=LoraParams(rank=4, alpha=8, dropout=0.0, target_modules="all-linear"),
        dpo=DpoParams(beta=0.1, learning_rate=1e-3, epochs=1),
    )


def chats(count: int) -> list[Record]:
    return [chat(f"票 {number}", f"answer {number % 2}") for number in range(count)]


@pytest.mark.parametrize("method", ["lora", "full", "qlora"])
def test_sft_moves_the_weights(method: str, tmp_path: Path) -> None:
    if method == "qlora":
        pytest.importorskip("bitsandbytes")
    deterministic(1, 1)
    tokenizer = load_tokenizer("base")
    examples = {"train": encode_records(chats(8), tokenizer, "", params(method)), "val": []}
    model = start_model(BASE, method, "cpu")
    trainer = fit_sft(model, tokenizer, examples, params(method), True, tmp_path)
    tuned = merge(trainer, BASE, method, tmp_path / "adapter")
    before = load_model("base", "float32").model.layers[0].mlp.up_proj.weight
    assert not torch.equal(tuned.model.layers[0].mlp.up_proj.weight, before)
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file() == (method != "full")


def test_adapter_config_is_written_in_one_order(tmp_path: Path) -> None:
    path = tmp_path / "adapter_config.json"
    write_json(path, {"target_modules": ["v_proj", "k_proj"]})
    sort_target_modules(path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"target_modules": ["k_proj", "v_proj"]}


def test_merged_answers_like_base_and_adapter(tmp_path: Path) -> None:
    from peft import PeftModel

    deterministic(1, 1)
    tokenizer = load_tokenizer("base")
    examples = {"train": encode_records(chats(8), tokenizer, "", params("lora")), "val": []}
    model = start_model(BASE, "lora", "cpu")
    trainer = fit_sft(model, tokenizer, examples, params("lora"), True, tmp_path)
    merged = merge(trainer, BASE, "lora", tmp_path / "adapter")
    apart = PeftModel.from_pretrained(load_model("base", "float32"), str(tmp_path / "adapter"))
    ids = torch.tensor([encode_prompt(tokenizer, [Message(role="user", content="票 3")], "")])
    with torch.inference_mode():
        difference = (merged(ids).logits - apart(ids).logits).abs().max().item()
    assert difference < 1e-4


def test_dpo_learns_to_prefer_the_chosen_answer(tmp_path: Path) -> None:
    deterministic(1, 1)
    tokenizer = load_tokenizer("base")
    model = load_model("base", "float32")
    trainer = fit_dpo(
        model,
        tokenizer,
        [pair(f"票 {number}", "yes", "no") for number in range(32)],
        "",
        params("dpo"),
        True,
        tmp_path,
    )
    margins = [
        row["rewards/margins"] for row in trainer.state.log_history if "rewards/margins" in row
    ]
    assert margins[-1] > margins[0]


def test_a_record_that_would_be_cut_is_named() -> None:
    long = chats(1)
    long[0]["messages"][0]["content"] = "word " * 99
    with pytest.raises(UserError, match=r"record \w+: \d+ tokens, train.max_length is 64"):
        encode_records(long, load_tokenizer("base"), "", params("lora"))


def test_dpo_without_pairs_says_what_to_add() -> None:
    with pytest.raises(UserError, match="add a source of pairs"):
        check_enough(chats(1), [], "dpo")


def test_a_gpu_that_is_not_there() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(UserError, match=r"hardware\.device is 'gpu', but torch sees no GPU"):
        torch_device(HardwareParams(device="gpu", threads=1))


def test_a_model_folder_without_a_model() -> None:
    with pytest.raises(UserError, match="is no model folder"):
        check_folder("models/tuned-by-nobody")
