"""Load models and tokenizers, and make runs reproducible."""

import ctypes
import os
import random
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lib.core.params import HardwareParams
from lib.model.causal import check_causal, settle_ties, tell_unused
from lib.model.source import check_folder
from lib.model.template import settled
from lib.runtime.errors import UserError
from lib.runtime.hub import refusal

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

TUNED = "models/tuned"
QUANTIZED = "models/quantized"
RELEASABLE = {"tuned": TUNED, "quantized": QUANTIZED}  # released weights by gate.system


def deterministic(seed: int, hardware: HardwareParams) -> None:
    """Fix seeds, kernels and the thread count; call before the first tensor is created."""
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # without it cuBLAS is not reproducible
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # trl reports GPU and method of each run
    # spinning threads made training four times slower on a busy machine
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import numpy
    import torch

    keep_freed_memory()
    torch.set_num_threads(hardware.threads)
    random.seed(seed)  # what transformers.set_seed does; that imports peft: two seconds
    numpy.random.seed(seed)
    torch.manual_seed(seed)
    # Not warn_only: attention kernels on a GPU would then sum in any order, with only a warning.
    torch.use_deterministic_algorithms(hardware.deterministic)
    # Filling memory that is written before it is read changes nothing, and takes 8 % of an answer.
    torch.utils.deterministic.fill_uninitialized_memory = False


def keep_freed_memory() -> None:
    """Make glibc keep the large blocks that each training step frees and allocates again.

    By default it returns them to the kernel, and page faults took a third of a small model's
    training on a CPU. Other C libraries have no mallopt and are left alone.
    """
    trim_threshold, mmap_threshold = -1, -3  # <malloc.h>
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(mmap_threshold, 2**30)


def load_tokenizer(
    model: str, revision: str | None = None, template: str | None = None
) -> "PreTrainedTokenizerBase":
    """Load the tokenizer of a folder or hub id, with the chat template of a file if one is named.

    Raises UserError if it then has no chat template, or no end token.
    """
    from transformers import AutoTokenizer

    check_folder(model, revision)
    try:
        tokenizer = AutoTokenizer.from_pretrained(model, revision=revision, trust_remote_code=False)
    except Exception as error:  # of any kind, where a file of it is cut off or another's
        raise UserError(refusal(model, error)) from None
    if template:
        tokenizer.chat_template = read_template(template)
    if not tokenizer.chat_template:
        raise UserError(
            f"{model}: has no chat template; name a file with one, such as base/chat.jinja, in "
            "base.chat_template, or choose an instruct model"
        )
    tokenizer.chat_template = settled(tokenizer, model)
    if "strftime_now(" in tokenizer.chat_template:
        raise UserError(
            f"{model}: its chat template puts today's date into the prompt, so tomorrow's run "
            "would differ; write a fixed date into a copy, and name that in base.chat_template"
        )
    if tokenizer.eos_token_id is None:
        raise UserError(
            f"{model}: its tokenizer has no end token (eos_token in tokenizer_config.json), so "
            "answers would not end; choose an instruct model"
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def read_template(path: str) -> str:
    """Read a chat template; raise UserError where it cannot be read, is empty or is not Jinja."""
    from jinja2 import TemplateSyntaxError
    from transformers.utils.chat_template_utils import _compile_jinja_template

    try:
        text = Path(path).read_text(encoding="utf-8")
        _compile_jinja_template(text)
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise UserError(f"{path}: {said}; base.chat_template names it") from None
    except TemplateSyntaxError as error:
        raise UserError(f"{path}:{error.lineno}: is not Jinja: {error.message}") from None
    if not text.strip():
        raise UserError(f"{path}: is empty; base.chat_template names it")
    return text


def stop_tokens(
    tokenizer: "PreTrainedTokenizerBase", model: str, revision: str | None = None
) -> set[int]:
    """Return the ids that end an answer: the tokenizer's end token and the generation config's.

    Gemma, for example, ends a turn and a text with different tokens.
    """
    return {int(tokenizer.eos_token_id), *generation_ends(model, revision)}


def generation_ends(model: str, revision: str | None = None) -> set[int]:
    """Return the end token ids of the generation config.

    A model without one gets those of its configuration.
    """
    from transformers import GenerationConfig

    try:
        return id_set(GenerationConfig.from_pretrained(model, revision=revision).eos_token_id)
    except OSError as error:
        if not lacks(model, "generation_config.json", revision):
            raise UserError(refusal(model, error)) from None
        return config_ends(load_config(model, revision))  # transformers derives one from it


def id_set(ids: int | list[int] | None) -> set[int]:
    """Return the ids of a configuration value as a set: none, one or several."""
    several = ids if isinstance(ids, list) else [ids]
    return {one for one in several if one is not None}


def lacks(model: str, name: str, revision: str | None) -> bool:
    """Tell whether a folder or hub id certainly lacks a file.

    The cache records a hub's answer that a file is missing; an unreachable hub proves nothing.
    """
    if Path(model).is_dir():
        return not Path(model, name).is_file()
    from huggingface_hub import _CACHED_NO_EXIST, try_to_load_from_cache

    return try_to_load_from_cache(model, name, revision=revision) is _CACHED_NO_EXIST


def load_config(model: str, revision: str | None = None) -> "PretrainedConfig":
    """Load the configuration of a folder or hub id; raise UserError if it writes no answers."""
    from transformers import AutoConfig

    check_folder(model, revision)
    try:
        config = AutoConfig.from_pretrained(model, revision=revision, trust_remote_code=False)
    except Exception as error:  # of any kind, where a value of it is another than its class takes
        raise UserError(refusal(model, error)) from None
    check_causal(config, model)
    attention = config._attn_implementation or ""
    if "flash" in attention and not find_spec("flash_attn"):
        raise UserError(
            f"{model}: config.json asks for {attention} (_attn_implementation), which needs the "
            "package flash-attn; delete that key in a copy of the model's folder to use torch's "
            "attention"
        )
    return config


def most_positions(config: "PretrainedConfig") -> int | None:
    """Return the most tokens that a model can read, by its configuration; None if unlimited."""
    return getattr(config.get_text_config(), "max_position_embeddings", None)


def config_ends(config: "PretrainedConfig") -> set[int]:
    """Return the end token ids of a configuration, including the text part of a composite one."""
    whole, text = getattr(config, "eos_token_id", None), config.get_text_config()
    return id_set(whole) | id_set(getattr(text, "eos_token_id", None))


def load_model(
    model: str, dtype: str, device: str = "cpu", revision: str | None = None, **options: object
) -> "PreTrainedModel":
    """Load the causal language model of a folder or hub id on `device`, in evaluation mode.

    Raises UserError where its files lack weights, which would be initialized at random.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    check_folder(model, revision)
    try:
        loaded, found = AutoModelForCausalLM.from_pretrained(
            model,
            revision=revision,
            dtype=dtype,
            device_map=device,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # to list them below
            **options,
        )
    except (OSError, ValueError, ImportError, SafetensorError) as error:
        raise UserError(refusal(model, error)) from None
    drawn = sorted([*found["missing_keys"], *(name for name, *_ in found["mismatched_keys"])])
    if drawn:
        raise UserError(
            f"{model}: its files lack weights, or have them in another size, for {len(drawn)} "
            f"parts that config.json describes: {drawn[0]}, ...; take both from the same model"
        )
    tell_unused(model, tuple(sorted(found["unexpected_keys"])))
    settle_ties(loaded)
    return loaded.eval()


def torch_device(hardware: HardwareParams) -> str:
    """Return the torch device for hardware.device; raise UserError if there is no GPU."""
    if hardware.device == "cpu":
        return "cpu"
    if hardware.device == "gpu":  # one only: trl rejects a single process that sees several
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")
    import torch

    if not torch.cuda.is_available():
        raise UserError(
            f"hardware.device is '{hardware.device}', but torch sees no GPU; set it to cpu, or run "
            "where `nvidia-smi` shows one and torch is a CUDA build"
        )
    return f"cuda:{os.environ.get('LOCAL_RANK', 0)}"


def make_readable(folder: Path) -> None:
    """Undo transformers' owner-only file modes, which break a shared DVC cache."""
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
