"""Fine-tune the base on the training split.

reads   data/split/{train,val}.jsonl, reports/leakage.json, the base
writes  models/tuned (merged weights, tokenizer, template, model card; adapter/ for lora and qlora),
        plots/{train,val}.json (loss curves), reports/mask.html (what is learnt, token by token),
        reports/estimate.json (compute and memory), metrics/train.json

Killed at any moment, it goes on from its last checkpoint (lib/training/checkpoints.py).
"""

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.chat import IGNORED, Example
from lib.config import load
from lib.errors import UserError, run
from lib.files import atomic_folder, atomic_text, sha256, write_json
from lib.launch import launch, launched, sharded, wanted, world_size
from lib.model_card import Data, describe, training_card
from lib.models import (
    TUNED,
    deterministic,
    identity,
    load_config,
    load_tokenizer,
    make_readable,
    stop_tokens,
    torch_device,
)
from lib.params.base import BaseParams
from lib.params.hardware import HardwareParams
from lib.params.task import TaskParams
from lib.params.train import TrainParams
from lib.proof import require_proof
from lib.records import Record, is_pair, read_records
from lib.training.adapters import gather, merge, start_model
from lib.training.checkpoints import last_whole, locked, scratch
from lib.training.estimate import (
    available_memory,
    check_memory,
    load_of,
    peak,
    peak_memory,
    report,
    shape_of,
)
from lib.training.export import generation_config, merge_checked
from lib.training.mask import write_page
from lib.training.preflight import check_licence, check_tokenizer
from lib.training.trainers import Setup, check_pairs, encode_records, fit_dpo, fit_sft

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer

SPLITS = {"train": "data/split/train.jsonl", "val": "data/split/val.jsonl"}


def check_data(chats: list[Record], pairs: list[Record], params: TrainParams) -> None:
    """There must be something to learn from; raises UserError."""
    if not chats:
        raise UserError(f"{SPLITS['train']}: holds no chat to learn from; see metrics/split.json")
    if params.method == "dpo" and not pairs:
        raise UserError(
            f"{SPLITS['train']}: holds no preference pair (prompt, chosen, rejected), which "
            "train.method dpo needs; add a source of pairs to data.sources"
        )


def preflight(
    setup: Setup, examples: list[Example], pairs: list[int], hardware: HardwareParams
) -> float:
    """Everything that can be known before the base is loaded; `pairs` are the tokens of what
    preference training reads. Returns the bytes a step will need; raises UserError."""
    params, base = setup.params, setup.base
    config = load_config(base.model, base.revision)
    check_licence(base)
    check_tokenizer(setup.tokenizer, config, params)
    processes = wanted(hardware)
    shards = processes if hardware.strategy == "fsdp" else 1
    shape = replace(shape_of(config, base, params, setup.device == "cpu"), shards=shards)
    lengths = [len(example.input_ids) for example in examples]
    phases = {"sft": load_of(lengths, params.epochs, 1, params, processes)}
    if pairs:
        phases["dpo"] = load_of(pairs, params.dpo.epochs, 2, params, processes)
    check_memory(shape, phases, params.method, available_memory(setup.device))
    if os.environ.get("RANK", "0") == "0":
        write_page(setup.tokenizer, examples, params.batch_size)
        write_json("reports/estimate.json", report(shape, phases))
    return peak(shape, phases)


def resumed_step(folder: Path) -> int:
    """The step an interrupted supervised run goes on from; 0 for a fresh one."""
    last = last_whole(folder)
    if last is None:
        return 0
    print(f"train: goes on from {last}")
    return int(last.rsplit("-", 1)[1])


def train(
    setup: Setup,
    examples: dict[str, list[Example]],
    pairs: list[Record],
    task: TaskParams,
    data: Data,
) -> None:
    """Train, and write everything once all processes are done."""
    base, method, adapter = setup.base, setup.params.method, setup.folder / "adapter"
    first_step, started = resumed_step(setup.folder / "sft"), time.perf_counter()
    start = start_model(base, method, "cpu" if sharded() else setup.device)
    sft = last = fit_sft(setup, start, examples)
    if method == "dpo":
        last = fit_dpo(setup, merge(sft, base, method, adapter), pairs)
    gather(last, adapter)
    if not last.accelerator.is_main_process:
        return
    compared = [example.input_ids for example in examples["val"] or examples["train"]]
    merged, off = merge_checked(last, base, method, adapter, compared)
    numbers = measured(sft, examples["train"], first_step, time.perf_counter() - started)
    numbers["peak_memory_bytes"] = peak_memory(setup.device)
    numbers |= measured_pairs(last, pairs, method) | {"merge_difference": off}
    merged.generation_config = generation_config(setup.tokenizer, setup.stops)
    save(merged, setup.tokenizer, adapter, training_card(base, setup.params, task, data, numbers))
    write_curves(sft.state.log_history)
    write_json("metrics/train.json", numbers)
    shutil.rmtree(setup.folder)
    print(f"train: {numbers['steps']} steps, {numbers['records']} records, {numbers['seconds']} s")


def save(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", adapter: Path, card: str
) -> None:
    """Write models/tuned whole or not at all, readable by everyone who may read the project."""
    with atomic_folder(TUNED) as folder:
        model.config.use_cache = True
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        if adapter.exists():
            shutil.copytree(adapter, folder / "adapter")
            (folder / "adapter" / "README.md").unlink(missing_ok=True)  # a card of blanks
        with atomic_text(folder / "README.md") as file:
            file.write(card)
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
) -> dict[str, Any]:
    """What supervised training was; the timings are those of this session alone."""
    history, steps = trainer.state.log_history, trainer.state.global_step
    tokens = sum(len(row["input_ids"]) for row in trainer.train_dataset)
    val = [{"val_loss": row["eval_loss"]} for row in history if "eval_loss" in row]
    return {
        "records": len(examples),
        "tokens": tokens,
        "share_learnt": sum(label != IGNORED for e in examples for label in e.labels)
        / sum(len(e.labels) for e in examples),
        "steps": steps,
        "train_loss": [row["loss"] for row in history if "loss" in row][-1],
        **(val[-1] if val else {}),
        "resumed_at_step": first_step,
        "seconds": round(seconds, 1),
        "tokens_per_second": round(tokens * (1 - first_step / max(steps, 1)) / seconds),
    }


def measured_pairs(trainer: "Trainer", pairs: list[Record], method: str) -> dict[str, Any]:
    """What preference training was; without it, how many pairs lie unused."""
    if method != "dpo":
        return {"pairs_unused": len(pairs)}
    last = [row for row in trainer.state.log_history if "rewards/margins" in row][-1]
    return {"pairs": len(pairs), "dpo_loss": last["loss"], "dpo_margin": last["rewards/margins"]}


def main() -> None:
    params, task = load("train", TrainParams), load("task", TaskParams)
    base, hardware = load("base", BaseParams), load("hardware", HardwareParams)
    if params.method == "full" and base.dtype != "float32":
        raise UserError(
            "params.yaml: train.method full needs base.dtype float32, or small steps are lost"
        )
    if hardware.strategy == "fsdp" and params.method not in ("lora", "full"):
        raise UserError(
            f"params.yaml: train.method {params.method} does not train with hardware.strategy "
            "fsdp; take ddp, or method lora or full"
        )
    device = torch_device(hardware)
    require_proof(*SPLITS.values())
    splits = {name: list(read_records(path)) for name, path in SPLITS.items()}
    chats = {name: [r for r in rows if not is_pair(r)] for name, rows in splits.items()}
    pairs = [record for record in splits["train"] if is_pair(record)]
    check_data(chats["train"], pairs, params)

    deterministic(params.seed, hardware.threads)
    settings = [section.model_dump() for section in (params, hardware, base)]
    hashes = {path: sha256(path) for path in SPLITS.values()}
    folder = scratch(settings, task.system, identity(base), list(hashes.values()), world_size())
    tokenizer = load_tokenizer(base.model, base.revision)
    stops = stop_tokens(tokenizer, base.model, base.revision)
    setup = Setup(params, base, task.system, tokenizer, stops, device, folder)
    examples = {name: encode_records(setup, rows) for name, rows in chats.items()}
    compared = check_pairs(setup, pairs) if params.method == "dpo" else []
    estimated = preflight(setup, examples["train"], compared, hardware)
    if wanted(hardware) > 1 and not launched():
        launch("stages.train", hardware)
    from torch import OutOfMemoryError

    try:
        with locked(folder):
            train(setup, examples, pairs, task, describe(hashes, splits["train"]))
        if os.environ.get("RANK", "0") == "0":
            used = peak_memory(device)
            print(f"train: memory: estimated {estimated / 1e9:.2f} GB, used {used / 1e9:.2f} GB")
    except OutOfMemoryError as error:
        raise UserError(
            f"train: out of memory ({str(error).splitlines()[0]}); lower train.batch_size, raise "
            "train.gradient_accumulation by as much; the last checkpoint is kept"
        ) from None


if __name__ == "__main__":
    run(main)
