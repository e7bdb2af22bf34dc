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
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Any

from lib.engines import hf
from lib.errors import UserError, run
from lib.files import atomic_folder
from lib.models import deterministic, load_config, load_tokenizer, stop_tokens
from lib.params.base import BaseParams
from lib.params.hardware import HardwareParams
from lib.quantize.compressed import write_compressed
from lib.quantize.gptq import write_gptq
from lib.quantize.measure import compare
from lib.quantize.read import load_weights, weights_size
from lib.records import Record
from lib.training.adapters import merge, start_model
from lib.training.estimate import GPUS, load_of, operations, peak, shape_of
from lib.training.machine import peak_memory
from lib.training.trainers import Setup, encode_records, fit_sft
from tests.toy import chat, train_params

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer

PACKAGES = (
    *("torch", "transformers", "trl", "peft", "accelerate", "bitsandbytes"),
    *("llmcompressor", "compressed-tensors"),
)
THREADS = 4
HARDWARE = HardwareParams(device="gpu", threads=THREADS)
AT_ONCE, ANSWER = 16, 64  # prompts in a batch, tokens of an answer


@dataclass(frozen=True)
class Size:
    """How large the checks are."""

    name: str
    model: dict[str, int]  # of the Qwen3 configuration
    steps: int
    batch_size: int
    words: int  # of the longest record
    packed: int  # records, of an eighth of the words, that are packed into rows


QWEN3 = Size(
    "Qwen3 0.6 B",
    {
        "hidden_size": 1024,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "intermediate_size": 3072,
        "vocab_size": 151_936,
        "max_position_embeddings": 4096,
    },
    steps=20,
    batch_size=8,
    words=500,
    packed=1200,
)
TINY = Size(
    "toy Qwen3",
    {
        "hidden_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 64,
        "intermediate_size": 128,
        "vocab_size": 6144,
        "max_position_embeddings": 1024,
    },
    steps=4,
    batch_size=2,
    words=20,
    packed=100,
)


def make_base(folder: Path, size: Size, device: str) -> None:
    """A model with random weights, drawn on `device`, and the embedded base's tokenizer."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    deterministic(1, HARDWARE)
    config = Qwen3Config(**size.model, tie_word_embeddings=True, dtype=torch.bfloat16)
    with torch.device(device):
        model = Qwen3ForCausalLM(config).to(torch.bfloat16)
    with atomic_folder(folder) as partial:
        model.save_pretrained(partial)
        load_tokenizer("base").save_pretrained(partial)


def records(count: int, words: int) -> list[Record]:
    """Chats of numbers, half as long to as long as `words` (three tokens each)."""
    rng = Random(1)
    asked = [
        " ".join(str(rng.randrange(100)) for _ in range(rng.randint(words // 2, words)))
        for _ in range(count)
    ]
    return [chat(text, f"answer {at % 7}") for at, text in enumerate(asked)]


def setup_of(
    folder: Path, size: Size, device: str, method: str, dtype: Any, **changes: Any
) -> Setup:
    """A setup of one epoch with checkpoints halfway and at the end. Packed rows are left to kernels
    that add up in any order: the others are slow with them (lib/training/attention.py)."""
    packed = changes.get("packing", False)
    deterministic(1, HARDWARE.model_copy(update={"deterministic": not packed}))
    base = BaseParams.model_construct(
        model=str(folder / "base"), revision=None, licence="none", use="research", dtype=dtype
    )
    common = {
        "epochs": 1.0,
        "batch_size": size.batch_size,
        "max_length": size.model["max_position_embeddings"],
        "checkpoint_steps": size.steps // 2,
        "learning_rate": 1e-4,
        "loss_on": "all",
    }
    params = train_params("lora").model_copy(update={**common, "method": method, **changes})
    tokenizer = load_tokenizer(base.model)
    stops = stop_tokens(tokenizer, base.model)
    return Setup(params, base, "", tokenizer, stops, device, folder / method)


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


def resume(folder: Path, size: Size, device: str, dtype: str) -> str:
    """Whether a second run, and one that lost its second half, end in the weights of the first."""
    setup = setup_of(folder, size, device, "lora", dtype)
    done = setup.folder / "sft"

    def weights() -> dict[str, Any]:
        setup_of(folder, size, device, "lora", dtype)  # seeds anew
        trainer = train(setup, size.steps * size.batch_size, size.words // 4)
        model = merge(trainer, setup.base, "lora", folder / "adapter")
        return {name: value.cpu().clone() for name, value in model.state_dict().items()}

    first = weights()
    shutil.rmtree(done)
    second = weights()
    shutil.rmtree(done / f"checkpoint-{size.steps}")
    resumed = weights()
    shutil.rmtree(setup.folder)
    return f"a second run: {difference(first, second)}; resumed: {difference(first, resumed)}"


def difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    """Whether two models are the same."""
    off = max(float((one[name] - other[name]).abs().max()) for name in one)
    return "the same bits" if off == 0 else f"NOT the same, weights differ by up to {off:.2g}"


def packing(folder: Path, size: Size, device: str) -> str:
    """Short records, many in a row, against padded ones."""
    found = []
    for packed, count in ((False, size.steps * size.batch_size), (True, size.packed)):
        options = {"packing": packed, "max_length": 1024}
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
        "resume, LoRA": partial(resume, folder, size, device, "bfloat16"),
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
