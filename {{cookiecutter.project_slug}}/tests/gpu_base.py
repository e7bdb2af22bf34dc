"""What a GPU is tried with: a Qwen3 of random weights, and records of numbers."""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from lib.core.params import BaseParams, HardwareParams
from lib.core.records import Record
from lib.model.loading import deterministic, load_tokenizer, stop_tokens
from lib.runtime.files import atomic_folder
from lib.train.encode import Setup
from tests.toy import chat, train_params

THREADS = 4
HARDWARE = HardwareParams(device="gpu", threads=THREADS)


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
    packed=300,
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
    folder: Path,
    size: Size,
    device: str,
    method: str,
    dtype: Any,
    preferred: str = "lora",
    **changes: Any,
) -> Setup:
    """A setup of one epoch with checkpoints halfway and at the end; seeds anew. `preferred` are the
    weights that learn preferences."""
    deterministic(1, HARDWARE)
    base = BaseParams.model_construct(
        model=str(folder / "base"), revision=None, license="none", use="research", dtype=dtype
    )
    common: dict[str, Any] = {
        "epochs": 1.0,
        "batch_size": size.batch_size,
        "max_length": size.model["max_position_embeddings"],
        "checkpoint_steps": size.steps // 2,
        "learning_rate": 1e-4,
        "loss_on": "all",
    }
    given = train_params("lora")
    wanted = {"start": "base", "weights": preferred, "epochs": 1.0}
    from_base = given.preference.model_copy(update=wanted)
    common |= {"method": method, "preference": from_base, **changes}
    params = given.model_copy(update=common)
    tokenizer = load_tokenizer(base.model)
    stops = stop_tokens(tokenizer, base.model)
    return Setup(params, base, "", tokenizer, stops, device, folder / method)
