"""Fine-tune the base on the training split.

reads   data/split/{train,val}.jsonl, reports/leakage.json, the base
writes  models/tuned (merged weights, tokenizer, template; adapter/ for lora and qlora),
        plots/{train,val}.json (loss curves), metrics/train.json

Killed at any moment, it goes on from its last checkpoint (lib/checkpoints.py).
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lib.chat import IGNORED, Example
from lib.checkpoints import last_whole, scratch
from lib.config import load
from lib.errors import UserError, run
from lib.files import atomic_folder, sha256, write_json
from lib.models import (
    TUNED,
    deterministic,
    identity,
    load_model,
    load_tokenizer,
    make_readable,
    torch_device,
)
from lib.params.base import BaseParams
from lib.params.hardware import HardwareParams
from lib.params.task import TaskParams
from lib.params.train import TrainParams
from lib.proof import require_proof
from lib.records import Record, is_pair, read_records
from lib.training import encode_records, fit_dpo, fit_sft

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer

SPLITS = {"train": "data/split/train.jsonl", "val": "data/split/val.jsonl"}


def launch_on_all_gpus() -> None:
    """Run this stage once per GPU of the machine, under torch's launcher."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    subprocess.run([*command, "--nproc_per_node=gpu", "-m", "stages.train"], check=True)


def start_model(base: BaseParams, method: str, where: str) -> "PreTrainedModel":
    """The base as training begins on device `where`: in 4 bits for qlora, else in base.dtype."""
    if method != "qlora":
        return load_model(base.model, base.dtype, where, base.revision)
    import torch
    from peft import prepare_model_for_kbit_training
    from transformers import BitsAndBytesConfig

    nf4 = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, base.dtype),
    )
    model = load_model(base.model, base.dtype, where, base.revision, quantization_config=nf4)
    prepared: PreTrainedModel = prepare_model_for_kbit_training(
        model, use_gradient_checkpointing=where != "cpu"
    )
    return prepared


def merge(trainer: "Trainer", base: BaseParams, method: str, adapter: Path) -> "PreTrainedModel":
    """The trained weights as one plain model; lora and qlora keep theirs in `adapter` too."""
    from peft import PeftModel

    model = trainer.accelerator.unwrap_model(trainer.model)
    if not isinstance(model, PeftModel):
        return model
    if method in ("lora", "qlora"):
        model.save_pretrained(adapter)
        sort_target_modules(adapter / "adapter_config.json")
    if method == "qlora":  # 4-bit weights cannot take the update: merge into the full base
        whole = load_model(base.model, base.dtype, "cpu", base.revision)
        model = PeftModel.from_pretrained(whole, str(adapter))
    merged: PreTrainedModel = model.merge_and_unload()
    return merged


def sort_target_modules(path: Path) -> None:
    """peft writes a set, in another order in every process; equal runs must write equal files."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config["target_modules"].sort()
    write_json(path, config)


def save(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", adapter: Path) -> None:
    """Write models/tuned whole or not at all, readable by everyone who may read the project."""
    with atomic_folder(TUNED) as folder:
        model.config.use_cache = True
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        if adapter.exists():
            shutil.copytree(adapter, folder / "adapter")
            (folder / "adapter" / "README.md").unlink(missing_ok=True)  # a card of blanks
        make_readable(folder)


def write_curves(history: list[dict[str, float]]) -> None:
    """The losses by step, for `dvc plots`; no timings, so that equal runs write equal files."""
    train = [row for row in history if "loss" in row]
    val = [row for row in history if "eval_loss" in row]
    keys = ("step", "loss", "grad_norm", "learning_rate")
    write_json("plots/train.json", [{key: row[key] for key in keys} for row in train])
    write_json("plots/val.json", [{"step": row["step"], "loss": row["eval_loss"]} for row in val])


def measured(
    trainer: "Trainer", examples: list[Example], first_step: int, seconds: float
) -> dict[str, float]:
    """What metrics/train.json holds; the timings are those of this session alone."""
    history, state = trainer.state.log_history, trainer.state
    tokens = sum(len(example.input_ids) for example in examples)
    share = 1 - first_step / max(state.global_step, 1)
    val = [{"val_loss": row["eval_loss"]} for row in history if "eval_loss" in row]
    return {
        "records": len(examples),
        "tokens": tokens,
        "tokens_learnt": sum(label != IGNORED for e in examples for label in e.labels),
        "steps": state.global_step,
        "train_loss": [row["loss"] for row in history if "loss" in row][-1],
        **(val[-1] if val else {}),
        "resumed_at_step": first_step,
        "seconds": round(seconds, 1),
        "tokens_per_second": round(tokens * (state.epoch or 0) * share / seconds),
    }


def main() -> None:
    params, task = load("train", TrainParams), load("task", TaskParams)
    base, hardware = load("base", BaseParams), load("hardware", HardwareParams)
    if hardware.device in ("multi-gpu", "cloud") and "LOCAL_RANK" not in os.environ:
        launch_on_all_gpus()
        return
    require_proof(*SPLITS.values())
    splits = {name: list(read_records(path)) for name, path in SPLITS.items()}
    chats = {name: [r for r in rows if not is_pair(r)] for name, rows in splits.items()}
    pairs = [record for record in splits["train"] if is_pair(record)]
    check_enough(chats["train"], pairs, params.method)

    where, on_cpu = torch_device(hardware), hardware.device == "cpu"
    deterministic(params.seed, hardware.threads)
    tokenizer = load_tokenizer(base.model, base.revision)
    examples = {
        name: encode_records(rows, tokenizer, task.system, params) for name, rows in chats.items()
    }
    hashes = [sha256(path) for path in SPLITS.values()]
    decisive = [params, hardware, base]
    settings = [section.model_dump() for section in decisive]
    folder = scratch(settings, task.system, identity(base), hashes)
    first_step, started = resumed_step(folder), time.perf_counter()

    model = start_model(base, params.method, where)
    trainer = fit_sft(model, tokenizer, examples, params, on_cpu, folder / "sft")
    tuned = merge(trainer, base, params.method, folder / "adapter")
    seconds = time.perf_counter() - started
    if params.method == "dpo":
        dpo = fit_dpo(tuned, tokenizer, pairs, task.system, params, on_cpu, folder / "dpo")
        tuned = merge(dpo, base, params.method, folder / "adapter")
    if trainer.accelerator.is_main_process:
        save(tuned, tokenizer, folder / "adapter")
        write_curves(trainer.state.log_history)
        numbers = measured(trainer, examples["train"], first_step, seconds)
        write_json("metrics/train.json", numbers)
        shutil.rmtree(folder)
        print(
            f"train: {numbers['steps']} steps over {numbers['records']} records in {seconds:.0f} s"
        )


def check_enough(chats: list[Record], pairs: list[Record], method: str) -> None:
    """There must be something to learn from; raises UserError."""
    if not chats:
        raise UserError(f"{SPLITS['train']}: holds no chat to learn from; see metrics/split.json")
    if method == "dpo" and not pairs:
        raise UserError(
            f"{SPLITS['train']}: holds no preference pair (prompt, chosen, rejected), which "
            "train.method dpo needs; add a source of pairs to data.sources"
        )


def resumed_step(folder: Path) -> int:
    """The step an interrupted supervised run goes on from; 0 for a fresh one."""
    last = last_whole(folder / "sft")
    if last is None:
        return 0
    print(f"train: goes on from {last}")
    return int(last.rsplit("-", 1)[1])


if __name__ == "__main__":
    run(main)
