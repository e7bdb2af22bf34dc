"""Loading and saving models, and the settings that make a run come out the same twice."""

import ctypes
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

from lib.chat import freeze
from lib.errors import UserError
from lib.files import sha256
from lib.hub import refusal
from lib.params.base import BaseParams
from lib.params.hardware import HardwareParams

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

TUNED = "models/tuned"
QUANTIZED = "models/quantized"


def deterministic(seed: int, threads: int) -> None:
    """Fix seeds, kernels and the thread count; call before the first tensor is made."""
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # cuBLAS is only then reproducible
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # trl reports GPU and method of each run
    # threads that wait by spinning made training four times slower on a busy machine
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch
    from transformers import set_seed

    keep_freed_memory()
    torch.set_num_threads(threads)
    random.seed(seed)
    set_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)


def keep_freed_memory() -> None:
    """Tell glibc to keep the large blocks that each training step frees and asks for again.

    It hands them back to the kernel by default, and a third of a small model's training on a CPU
    went into page faults. Other C libraries have no mallopt and are left alone.
    """
    trim_threshold, mmap_threshold = -1, -3  # <malloc.h>
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(mmap_threshold, 2**30)


def load_tokenizer(model: str, revision: str | None = None) -> "PreTrainedTokenizerBase":
    """The tokenizer of a folder or hub id; it must bring a chat template."""
    from transformers import AutoTokenizer

    check_folder(model)
    try:
        tokenizer = AutoTokenizer.from_pretrained(model, revision=revision, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise UserError(refusal(model, error)) from None
    if not tokenizer.chat_template:
        raise UserError(f"{model}: has no chat template; choose an instruct model")
    tokenizer.chat_template = freeze(str(tokenizer.chat_template))
    if "strftime_now(" in tokenizer.chat_template:
        raise UserError(
            f"{model}: its chat template puts today's date into the prompt, so tomorrow's run "
            "would differ; choose another base"
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def stop_tokens(
    tokenizer: "PreTrainedTokenizerBase", model: str, revision: str | None = None
) -> set[int]:
    """Ids that end an answer: the tokenizer's end token and those of the generation config (Gemma
    ends a turn with another token than a text)."""
    from transformers import GenerationConfig

    try:
        ends = GenerationConfig.from_pretrained(model, revision=revision).eos_token_id
    except OSError:  # not every model has one
        ends = None
    return {int(tokenizer.eos_token_id), *(ends if isinstance(ends, list) else [ends])} - {None}


def load_config(model: str, revision: str | None = None) -> "PretrainedConfig":
    """The configuration of a folder or hub id."""
    from transformers import AutoConfig

    check_folder(model)
    try:
        return AutoConfig.from_pretrained(model, revision=revision, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise UserError(refusal(model, error)) from None


def load_model(
    model: str, dtype: str, device: str = "cpu", revision: str | None = None, **options: object
) -> "PreTrainedModel":
    """The causal language model of a folder or hub id, on `device`, in evaluation mode."""
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    check_folder(model)
    try:
        loaded = AutoModelForCausalLM.from_pretrained(
            model,
            revision=revision,
            dtype=dtype,
            device_map=device,
            trust_remote_code=False,
            use_safetensors=True,
            **options,
        )
    except (OSError, ValueError, ImportError, SafetensorError) as error:
        raise UserError(refusal(model, error)) from None
    return loaded.eval()


def check_folder(model: str) -> None:
    """A path that is written like a folder must be one: it would be taken for a hub id."""
    looks_local = model.count("/") != 1 or model.startswith(("models/", "."))
    if looks_local and not Path(model, "config.json").is_file():
        raise UserError(f"{model}: is no model folder (config.json is missing)")


def torch_device(hardware: HardwareParams) -> str:
    """The torch device for hardware.device; a GPU that is asked for must be there."""
    if hardware.device == "cpu":
        return "cpu"
    if hardware.device == "gpu":  # one: trl refuses a single process that sees several
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")
    import torch

    if not torch.cuda.is_available():
        raise UserError(
            f"hardware.device is '{hardware.device}', but torch sees no GPU; set it to cpu, or run "
            "where `nvidia-smi` shows one and torch is a CUDA build"
        )
    return f"cuda:{os.environ.get('LOCAL_RANK', 0)}"


def identity(base: BaseParams) -> str:
    """What names a base exactly: the hashes of a folder's files, or hub id and revision."""
    files = sorted(path for path in Path(base.model).glob("*") if path.is_file())
    return ",".join(map(sha256, files)) or f"{base.model}@{base.revision}"


def make_readable(folder: Path) -> None:
    """Undo transformers' owner-only file modes, which break a shared DVC cache."""
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
