"""Fine-tune the base on the training split.

reads   data/split/{train,val}.jsonl, reports/leakage.json, the base; evals/ and test.jsonl only to
        check that they are those of the leakage check
writes  models/tuned (merged weights, tokenizer, template; adapter/ for lora and qlora),
        logs/train/history.jsonl (the trainers' rows), learnt.jsonl (what is learnt, token by
        token) and estimate.json (compute and memory), metrics/train.json, metrics/speed.json
        (timings)

Curves, pages, prices and the model card are made later, by report and training_plan. A killed run
resumes from its last checkpoint (lib/train/checkpoints.py).
"""

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.core.config import PARAMS, load, read_yaml
from lib.core.leakage_check import require_all_checked, require_checked
from lib.core.params import BaseParams, HardwareParams, TaskParams
from lib.core.records import is_pair, read_records
from lib.model.chat import Example
from lib.model.loading import (
    TUNED,
    deterministic,
    generation_ends,
    load_config,
    load_tokenizer,
    make_readable,
    stop_tokens,
    torch_device,
)
from lib.model.quantizable import check_quantizable
from lib.model.source import identity
from lib.runtime.errors import UserError, run
from lib.runtime.files import atomic_folder, sha256, write_json
from lib.train.adapters import gather_weights, merge, start_model
from lib.train.checkpoints import last_whole, locked, scratch
from lib.train.encode import Setup
from lib.train.estimate import Load, peak, report_estimate
from lib.train.export import generation_config, logits, merge_checked
from lib.train.fits import check_memory, lighter
from lib.train.history import History, speeds, timed, training_figures, write_history
from lib.train.launch import launch, launched, setup_worker, sharded, wanted, world_size
from lib.train.learnt import is_unchanged, judge
from lib.train.license import card_of, check_license
from lib.train.machine import available_memory, peak_memory
from lib.train.model_shape import shape_of
from lib.train.params import TrainParams
from lib.train.preference import as_chat, fit_preference
from lib.train.preflight import (
    SPLIT_FILES,
    check_data,
    check_ids,
    check_settings,
    check_tokenizer,
    check_training_device,
)
from lib.train.start import check_plain, check_turn_tokens, restore, settings_of
from lib.train.targets import left_out
from lib.train.texts import Splits, encode, lay_open, sum_loads
from lib.train.tracking import begin_anew, start_tracker
from lib.train.trainers import fit_sft

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase


def preflight(
    setup: Setup, config: "PretrainedConfig", phases: dict[str, Load], hardware: HardwareParams
) -> float:
    """Estimate the memory of a step in bytes, before the base is loaded.

    Raises UserError if they do not fit.
    """
    base, params, on_cpu = setup.base, setup.params, setup.device == "cpu"
    spread = wanted(hardware) if hardware.strategy != "ddp" else 1
    shape = replace(
        shape_of(config, base, params, on_cpu),
        shards=spread,
        weight_shards=spread if hardware.strategy == "fsdp" else 1,
    )
    available = available_memory(setup.device, hardware.processes or 1)
    check_memory(shape, phases, available, lighter(config, base, params, shape))
    if os.environ.get("RANK", "0") == "0":
        estimate = report_estimate(shape, phases)
        write_json("logs/train/estimate.json", estimate)
        if not launched():  # only one so far, which will launch the others
            print(summary(estimate, available))
    return peak(shape, phases)


def summary(estimate: dict[str, Any], available: float) -> str:
    """Describe the cost of training in a line; reports/training_plan.md has hours and prices."""
    steps = sum(phase["steps"] for phase in estimate["phases"].values())
    tokens = sum(phase["tokens"] for phase in estimate["phases"].values())
    return (
        f"train: {steps:,} steps, {tokens:,} tokens, {estimate['operations']:.2g} operations, "
        f"{estimate['peak_memory_bytes'] / 1e9:.1f} of {available / 1e9:.1f} GB"
    )


def resumed_steps(setup: Setup) -> dict[str, int]:
    """Return the step from which each training of an interrupted run resumes, by its name.

    It is 0 for a new run.
    """
    steps = {}
    for phase in ["sft"] * setup.params.supervised + [setup.params.method] * setup.params.prefers:
        last = last_whole(setup.folder / phase)
        steps[phase] = int(last.rsplit("-", 1)[1]) if last else 0
        if last:
            print(f"train: resumes from {last}")
    return steps


def train(setup: Setup, examples: dict[str, list[Example]], pairs: Splits) -> None:
    """Run the trainings of train.method, and write all outputs once all processes are done."""
    base, params, adapter = setup.base, setup.params, setup.folder / "adapter"
    resumed, started = resumed_steps(setup), time.perf_counter()
    model = start_model(base, params.weights, "cpu" if sharded() else setup.device)
    settings = settings_of(model)
    model.generation_config = generation_config(setup.tokenizer, setup.stops)
    if params.weights != "full":
        check_turn_tokens(model, setup.tokenizer, setup.stops, examples["train"])
        if told := left_out(model, params.lora.target_modules):
            print(f"train: no adapter on {'; '.join(told)}")
    compared = [example.input_ids for example in examples["val"] or examples["train"]]
    before = logits(model, compared) if params.weights != "qlora" else None
    histories: dict[str, History] = {}
    if params.supervised:
        trainer = fit_sft(setup, model, examples)
        histories["sft"] = trainer.state.log_history
    if params.prefers:
        start = model
        if params.supervised:
            start = merge(trainer, base, params.weights, setup.folder / "sft-adapter")
            begin_anew(params.tracking, params.method)
        trainer = fit_preference(setup, start, pairs)
        histories[params.method] = trainer.state.log_history
    gather_weights(trainer, adapter)
    if not trainer.accelerator.is_main_process:
        return
    merged, off = merge_checked(trainer, base, params.weights, adapter, compared)
    numbers = training_figures(setup, histories, examples["train"], pairs["train"])
    unchanged = is_unchanged(before, logits(merged, compared), adapter)
    numbers |= judge(histories, unchanged, numbers["records"])
    speed = timed(histories, resumed, time.perf_counter() - started)
    speed |= {"peak_memory_bytes": peak_memory(setup.device), "steps": speeds(histories)}
    merged.generation_config = generation_config(setup.tokenizer, setup.stops)
    restore(merged, settings)
    save(merged, setup.tokenizer, adapter if params.adapts_base else None)
    write_history(histories)
    write_json("metrics/train.json", numbers | {"merge_difference": off})
    write_json("metrics/speed.json", speed)
    shutil.rmtree(setup.folder)
    print(f"train: {numbers['steps']} steps, {numbers['records']} records, {speed['seconds']} s")


def save(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    adapter: Path | None,
) -> None:
    """Write models/tuned as a whole or not at all, readable by everyone who can read the project.

    The adapter is included if base + adapter are the weights.
    """
    with atomic_folder(TUNED) as folder:
        model.config.use_cache = True
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        if adapter:
            shutil.copytree(adapter, folder / "adapter")
            # peft's card has only placeholders.
            (folder / "adapter" / "README.md").unlink(missing_ok=True)
        make_readable(folder)


def main() -> None:
    setup_worker()
    params, system = load("train", TrainParams), load("task", TaskParams).system
    base, hardware = load("base", BaseParams), load("hardware", HardwareParams)
    device = torch_device(hardware)
    check_settings(params, base, hardware)
    check_training_device(params, base, device)
    check_license(base, card_of(base))
    require_checked(*SPLIT_FILES.values())
    require_all_checked()
    splits = {name: list(read_records(path)) for name, path in SPLIT_FILES.items()}
    chats = {name: [r for r in rows if not is_pair(r)] for name, rows in splits.items()}
    pairs = {name: [r for r in rows if is_pair(r)] for name, rows in splits.items()}
    check_data(chats, pairs, params)
    if not params.supervised:
        chats = {name: [as_chat(pair) for pair in found] for name, found in pairs.items()}

    deterministic(params.seed, hardware)
    hashes = [sha256(path) for path in SPLIT_FILES.values()]
    folder = scratch(identity(base.model, base.revision), hashes, world_size())
    start_tracker(params.tracking, folder)
    config = load_config(base.model, base.revision)
    check_plain(config, base.model)
    check_quantizable(read_yaml(PARAMS).get("quantize", {}).get("scheme"), config)
    tokenizer = load_tokenizer(base.model, base.revision, base.chat_template)
    check_tokenizer(tokenizer, config, generation_ends(base.model, base.revision), params)
    stops = stop_tokens(tokenizer, base.model, base.revision)
    setup = Setup(params, base, system, tokenizer, stops, device, folder)
    texts = encode(setup, chats, pairs)
    check_ids(tokenizer, config, texts.all())
    if os.environ.get("RANK", "0") == "0":
        lay_open(setup, texts, pairs["train"])
    estimated = preflight(setup, config, sum_loads(params, texts, wanted(hardware)), hardware)
    if wanted(hardware) > 1 and not launched():
        launch("stages.train", hardware)
    from torch import OutOfMemoryError

    try:
        with locked(folder):
            train(setup, texts.chats, pairs)
        if os.environ.get("RANK", "0") == "0":
            used = peak_memory(device)
            print(f"train: memory: estimated {estimated / 1e9:.2f} GB, used {used / 1e9:.2f} GB")
    except RuntimeError as error:
        if not (isinstance(error, OutOfMemoryError) or "DefaultCPUAllocator" in str(error)):
            raise
        raise UserError(
            f"train: out of memory ({str(error).splitlines()[0]}); lower train.batch_size and "
            "raise train.gradient_accumulation by the same factor; the last checkpoint is kept"
        ) from None


if __name__ == "__main__":
    run(main)
