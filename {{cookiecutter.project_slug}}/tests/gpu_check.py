"""Do training and quantization work on this machine's GPU, how fast, and is a resumed run the same
to the bit?

usage   make gpu-check, or python -m tests.gpu_check [--tiny]
        --tiny: a toy model, on the CPU where there is no GPU: shows that this script works
prints  a Markdown table: what was run, what came out, on which GPU with which versions, when
exit    0, or 1 where a check broke; the others are run all the same

The model is a Qwen3 of 0.6 B parameters with random weights, made on the spot; nothing is
downloaded. Speed and memory are those of a real one; what it learns means nothing.
"""

import platform
import re
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from lib.engines import hf
from lib.errors import UserError, run
from lib.files import atomic_folder
from lib.models import load_config
from lib.quantize.compressed import write_compressed
from lib.quantize.gptq import write_gptq
from lib.quantize.measure import compare
from lib.quantize.read import load_weights, weights_size
from lib.training.adapters import merge, start_model
from lib.training.estimate import GPUS, load_of, operations, peak, shape_of
from lib.training.machine import peak_memory
from lib.training.trainers import Setup, encode_records, fit_sft
from tests.gpu_base import QWEN3, THREADS, TINY, Size, make_base, records, setup_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer

PACKAGES = (
    *("torch", "transformers", "trl", "peft", "accelerate", "bitsandbytes"),
    *("llmcompressor", "compressed-tensors"),
)
AT_ONCE, ANSWER = 16, 64  # prompts in a batch, tokens of an answer
PACKED: dict[str, Any] = {"packing": True, "max_length": 1024}


def train(setup: Setup, count: int, words: int) -> "Trainer":
    """All steps on so many records, from the last checkpoint if there is one."""
    examples = {"train": encode_records(setup, records(count, words)), "val": []}
    return fit_sft(setup, start_model(setup.base, setup.params.method, setup.device), examples)


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
    options = {"gradient_checkpointing": checkpointing}
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


def resume(folder: Path, size: Size, device: str, packed: bool) -> str:
    """Whether a second run, and one that lost its last checkpoint, end in the first's weights."""
    options = PACKED if packed else {}
    count, words = size.steps * size.batch_size, size.words // 4
    if packed:
        count, words = size.packed, size.words // 8

    def weights() -> dict[str, Any]:
        setup = setup_of(folder, size, device, "lora", "bfloat16", **options)
        trainer = train(setup, count, words)
        model = merge(trainer, setup.base, "lora", folder / "adapter")
        return {name: value.cpu().clone() for name, value in model.state_dict().items()}

    done = folder / "lora/sft"
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


def quantized(folder: Path, size: Size, device: str, scheme: str) -> str:
    """Time, size, error and speed of the model by a scheme, against its bf16 form."""
    base = str(folder / "base")
    setup = setup_of(folder, size, device, "lora", "bfloat16")
    examples = encode_records(setup, records(AT_ONCE, size.words // 4))
    rows = [example.input_ids for example in examples]
    started = time.perf_counter()
    with atomic_folder(folder / scheme) as partial:
        if scheme == "gptq":
            write_gptq(base, partial, device, setup.tokenizer, rows, THREADS, 1)
        else:
            write_compressed(base, partial, scheme, "bfloat16", device, setup.tokenizer, rows)
    seconds = time.perf_counter() - started
    before = load_weights(base, "bfloat16", device)
    after = load_weights(str(folder / scheme), "bfloat16", device)
    figures = compare(before, after, examples)
    slow, fast = (answers_a_second(model, setup.tokenizer, rows) for model in (before, after))
    share = weights_size(folder / scheme) / weights_size(base)
    shutil.rmtree(folder / scheme)
    return (
        f"written in {seconds:.0f} s, {share:.0%} of the bytes, largest layer error "
        f"{figures['layer_error_max']:.3f}, {AT_ONCE} answers at once {fast:,.0f} tokens/s "
        f"(bf16 {slow:,.0f}), in transformers"
    )


def answers_a_second(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", prompts: list[list[int]]
) -> float:
    """Tokens a second of answers of one length, after a warm-up."""
    hf.timed(model, tokenizer, prompts, 4, True)
    started = time.perf_counter()
    hf.timed(model, tokenizer, prompts, ANSWER, True)
    return len(prompts) * ANSWER / (time.perf_counter() - started)


def first_line(error: Exception) -> str:
    """What an error says, for a cell of the table."""
    return (str(error).splitlines() or [""])[0]


def installed() -> str:
    """Versions of what was run."""
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def checks(folder: Path, size: Size, device: str) -> dict[str, Callable[[], str]]:
    """What is run, in order."""
    lora = partial(speed, folder, size, device, "lora", "bfloat16")
    training: dict[str, Callable[[], str]] = {
        f"LoRA, bf16, {size.name}": lora,
        f"the same with gradient checkpointing, {size.name}": partial(lora, checkpointing=True),
        f"full, float32 weights, bf16 compute, {size.name}": partial(
            speed, folder, size, device, "full", "float32"
        ),
        f"QLoRA, NF4, {size.name}": partial(speed, folder, size, device, "qlora", "bfloat16"),
        "packing, LoRA, short records": partial(packing, folder, size, device),
        "resume, LoRA": partial(resume, folder, size, device, packed=False),
        "resume, LoRA, packed": partial(resume, folder, size, device, packed=True),
    }
    return training | {
        f"quantize to {scheme}, {size.name}": partial(quantized, folder, size, device, scheme)
        for scheme in ("fp8", "w4a16", "awq", "gptq")
    }


def main() -> None:
    import torch

    tiny = "--tiny" in sys.argv
    if not (torch.cuda.is_available() or tiny):
        raise UserError(
            "gpu-check: torch sees no GPU here; run it where `nvidia-smi` shows one and torch is "
            "a CUDA build"
        )
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    where = torch.cuda.get_device_name() if device != "cpu" else f"CPU, {platform.machine()}"
    size = TINY if tiny else QWEN3
    today = datetime.now(UTC).date().isoformat()
    broken = 0
    print("| check | result | when, where |\n| --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory() as name:
        make_base(Path(name, "base"), size, device)
        for what, check in checks(Path(name), size, device).items():
            try:
                with redirect_stdout(sys.stderr):  # what trainers print is no row
                    result = check()
            except UserError as error:
                result = f"not run: {error}"
            except Exception as error:  # it hides no other
                traceback.print_exc()
                broken += 1
                result = f"BROKEN: {type(error).__name__}: {first_line(error)}"
            print(f"| {what} | {result} | {today}, {where}, {installed()} |", flush=True)
    if broken:
        raise SystemExit(1)


if __name__ == "__main__":
    run(main)
