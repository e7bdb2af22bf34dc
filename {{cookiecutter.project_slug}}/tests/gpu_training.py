"""What a GPU is asked about training: speed, memory, and the same bits again."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from lib.model.loading import load_config
from lib.report.gpus import GPUS
from lib.train.adapters import merge, start_model
from lib.train.encode import Setup, encode_records
from lib.train.estimate import load_of, operations, peak
from lib.train.machine import peak_memory
from lib.train.model_shape import shape_of
from lib.train.preference import fit_preference
from lib.train.trainers import fit_sft
from tests.gpu_base import Size, records, setup_of
from tests.toy import pair

if TYPE_CHECKING:
    from transformers import Trainer

PACKED: dict[str, Any] = {"packing": True, "max_length": 1024}


def checks(folder: Path, size: Size, device: str) -> dict[str, Callable[[], str]]:
    """What is run, in order."""
    lora = partial(speed, folder, size, device, "lora", "bfloat16")
    again = partial(resume, folder, size, device)
    return {
        f"LoRA, bf16, {size.name}": lora,
        f"the same with gradient checkpointing, {size.name}": partial(lora, checkpointing=True),
        f"full, float32 weights, bf16 compute, {size.name}": partial(
            speed, folder, size, device, "full", "float32"
        ),
        f"QLoRA, NF4, {size.name}": partial(speed, folder, size, device, "qlora", "bfloat16"),
        "packing, LoRA, short records": partial(packing, folder, size, device),
        "resume, LoRA": partial(again, "lora", "bfloat16"),
        "resume, LoRA, packed": partial(again, "lora", "bfloat16", packed=True),
        "resume, full": partial(again, "full", "float32"),
        "resume, QLoRA": partial(again, "qlora", "bfloat16"),
        "resume, DPO": partial(again, "dpo", "bfloat16"),
        "resume, DPO of every weight": partial(again, "dpo", "float32", preferred="full"),
        "resume, KTO": partial(again, "kto", "bfloat16"),
    }


def train(setup: Setup, count: int, words: int) -> "Trainer":
    """All steps on so many records, from the last checkpoint if there is one."""
    examples = {"train": encode_records(setup, records(count, words)), "val": []}
    return fit_sft(setup, start_model(setup.base, setup.params.method, setup.device), examples)


def prefer(setup: Setup, count: int, words: int) -> "Trainer":
    """The same of as many pairs, from the base."""
    asked = [record["messages"][0]["content"] for record in records(count, words)]
    pairs = [pair(text, f"answer {at % 7}", "no") for at, text in enumerate(asked)]
    model = start_model(setup.base, setup.params.weights, setup.device)
    return fit_preference(setup, model, {"train": pairs, "val": []})


def tokens_a_second(trainer: "Trainer") -> float:
    """Of the steps alone, once kernels are compiled: the median but for the first two logs."""
    rows = trainer.state.log_history
    speeds = [row["tokens_per_second"] for row in rows if "tokens_per_second" in row]
    return float(median(speeds[2:] or speeds[-1:]))


def speed(
    folder: Path, size: Size, device: str, method: str, dtype: str, checkpointing: bool = False
) -> str:
    """Tokens a second, share of the GPU's peak, and memory against its estimate."""
    forget_peak(device)
    options: dict[str, Any] = {"gradient_checkpointing": checkpointing}
    setup = setup_of(folder, size, device, method, dtype, **options)
    trainer = train(setup, size.steps * size.batch_size, size.words)
    lengths = [len(row["input_ids"]) for row in trainer.train_dataset]
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    shape = shape_of(load_config(setup.base.model), setup.base, setup.params, device == "cpu")
    load = load_of(lengths, 1, 1, setup.params, 1)
    speed = tokens_a_second(trainer)
    useful = operations(replace(shape, checkpointing=False), load) / load.tokens
    used, expected = peak_memory(device) / 1e9, peak(shape, {"sft": load}) / 1e9
    shutil.rmtree(setup.folder)
    return (
        f"{speed:,.0f} tokens/s, {share_of_peak(useful * speed, device)}, peak memory "
        f"{used:.1f} GB (estimated {expected:.1f}), loss {losses[0]:.2f} to {losses[-1]:.2f}"
    )


def share_of_peak(work: float, device: str) -> str:
    """Model FLOP utilisation (Chowdhery et al., 2022), against the bf16 peak of the data sheet."""
    if device == "cpu":
        return f"{work / 1e9:.1f} GFLOP/s"
    import torch

    bf16 = peak_of(torch.cuda.get_device_name())
    return f"MFU {work / bf16:.1%}" if bf16 else f"{work / 1e12:.1f} TFLOP/s (peak not known)"


def peak_of(name: str) -> float | None:
    """Operations a second that the data sheet of a GPU names, if it is a known one."""
    for known, (speed, _) in GPUS.items():
        model = known.rsplit(" ", 2)[0]  # without its memory
        if re.search(rf"\b{model}\b", name):
            return speed
    return None


def forget_peak(device: str) -> None:
    """Count the memory of the next check alone."""
    import gc

    gc.collect()
    if device != "cpu":
        import torch

        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def resume(
    folder: Path,
    size: Size,
    device: str,
    method: str,
    dtype: str,
    packed: bool = False,
    preferred: str = "lora",
) -> str:
    """Whether a second run, and one that lost its last checkpoint, end in the first's weights."""
    options: dict[str, Any] = PACKED if packed else {"preferred": preferred}
    prefers = method in ("dpo", "kto")
    count, words = size.steps * size.batch_size, size.words // 4
    if packed:
        count, words = size.packed, size.words // 8

    def weights() -> dict[str, Any]:
        setup = setup_of(folder, size, device, method, dtype, **options)
        trainer = prefer(setup, count, words) if prefers else train(setup, count, words)
        model = merge(trainer, setup.base, method, folder / "adapter")
        return {name: value.cpu().clone() for name, value in model.state_dict().items()}

    done = folder / method / (method if prefers else "sft")
    first = weights()
    shutil.rmtree(done)
    second = weights()
    shutil.rmtree(max(done.glob("checkpoint-*"), key=lambda path: int(path.name[11:])))
    resumed = weights()
    shutil.rmtree(done.parent)
    found = f"a second run: {difference(first, second)}; resumed: {difference(first, resumed)}"
    if "NOT" in found:
        raise RuntimeError(found)
    return found


def difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    """Whether two models are the same."""
    off = max(float((one[name] - other[name]).abs().max()) for name in one)
    return "the same bits" if off == 0 else f"NOT the same, weights differ by up to {off:.2g}"


def packing(folder: Path, size: Size, device: str) -> str:
    """Short records, many in a row, against padded ones."""
    found = []
    for packed, count in ((False, size.steps * size.batch_size), (True, size.packed)):
        options = PACKED if packed else {}
        setup = setup_of(folder, size, device, "lora", "bfloat16", **options)
        found.append(tokens_a_second(train(setup, count, size.words // 8)))
        shutil.rmtree(setup.folder)
    slow, fast = found
    return f"{slow:,.0f} tokens/s padded, {fast:,.0f} packed ({fast / slow:.2f} times)"
