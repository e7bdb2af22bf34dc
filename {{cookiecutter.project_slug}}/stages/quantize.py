"""Make the tuned model smaller, calibrated on the training split.

reads   models/tuned, data/split/train.jsonl, reports/leakage.json
writes  models/quantized (compressed-tensors, which transformers and vLLM load),
        metrics/quantize.json
"""

import logging
import os
import random
import shutil
import warnings
from typing import TYPE_CHECKING, Any

from lib.chat import encode_example
from lib.config import load
from lib.errors import run
from lib.files import atomic_folder, write_json
from lib.models import (
    QUANTIZED,
    TUNED,
    deterministic,
    folder_size,
    load_model,
    load_tokenizer,
    make_readable,
    torch_device,
)
from lib.params.base import BaseParams
from lib.params.hardware import HardwareParams
from lib.params.quantize import QuantizeParams
from lib.params.task import TaskParams
from lib.proof import require_proof
from lib.records import Record, is_pair, read_records

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TRAIN = "data/split/train.jsonl"


def recipe(scheme: str) -> list[Any]:
    """llm-compressor's modifiers for a scheme; embeddings and lm_head stay as they are."""
    from llmcompressor.modifiers.gptq import GPTQModifier
    from llmcompressor.modifiers.quantization import QuantizationModifier
    from llmcompressor.modifiers.transform.smoothquant import SmoothQuantModifier

    target: dict[str, Any] = {"targets": "Linear", "ignore": ["lm_head"]}
    match scheme:
        case "w4a16":  # GPTQ (Frantar et al., 2022), 4-bit weights in groups of 128
            return [GPTQModifier(scheme="W4A16", **target)]
        case "w8a8":  # SmoothQuant (Xiao et al., 2022) first moves outliers into the weights
            return [SmoothQuantModifier(), GPTQModifier(scheme="W8A8", **target)]
        case _:  # fp8: weights by channel, activations by token at run time; no calibration
            return [QuantizationModifier(scheme="FP8_DYNAMIC", **target)]


def calibration_ids(
    records: list[Record], tokenizer: "PreTrainedTokenizerBase", system: str, params: QuantizeParams
) -> list[list[int]]:
    """Token ids of a seeded draw from the training chats."""
    chats = [record for record in records if not is_pair(record)]
    count = min(params.calibration_records, len(chats))
    drawn = random.Random(params.seed).sample(chats, count)
    return [encode_example(tokenizer, r["messages"], system).input_ids for r in drawn]


def compress(params: QuantizeParams, base: BaseParams, device: str, system: str) -> None:
    """Quantize models/tuned into models/quantized."""
    # its own lines by the dozen, and warnings about what llm-compressor does on purpose
    os.environ.setdefault("LLM_COMPRESSOR_LOG_LEVEL", "ERROR")
    warnings.filterwarnings("ignore", message="Attempting to save a model with offloaded modules")
    logging.getLogger("torch.fx._symbolic_trace").setLevel(logging.ERROR)
    from datasets import Dataset
    from llmcompressor import oneshot

    tokenizer = load_tokenizer(TUNED)
    rows = calibration_ids(list(read_records(TRAIN)), tokenizer, system, params)
    model = oneshot(
        model=load_model(TUNED, base.dtype, device),
        dataset=Dataset.from_dict(
            {"input_ids": rows, "attention_mask": [[1] * len(r) for r in rows]}
        ),
        recipe=recipe(params.scheme),
        num_calibration_samples=len(rows),
        max_seq_length=max(map(len, rows)),
        shuffle_calibration_samples=False,
    )
    with atomic_folder(QUANTIZED) as folder:
        model.save_pretrained(folder, save_compressed=True)
        tokenizer.save_pretrained(folder)
        make_readable(folder)


def main() -> None:
    params, task = load("quantize", QuantizeParams), load("task", TaskParams)
    base, hardware = load("base", BaseParams), load("hardware", HardwareParams)
    require_proof(TRAIN)
    deterministic(params.seed, hardware.threads)
    if params.scheme == "none":
        with atomic_folder(QUANTIZED) as folder:
            shutil.copytree(TUNED, folder, dirs_exist_ok=True)
    else:
        compress(params, base, torch_device(hardware), task.system)
    sizes = {"tuned_bytes": folder_size(TUNED), "quantized_bytes": folder_size(QUANTIZED)}
    write_json("metrics/quantize.json", {"scheme": params.scheme, **sizes})
    print(f"quantize: {sizes['tuned_bytes']:,} bytes to {sizes['quantized_bytes']:,}")


if __name__ == "__main__":
    run(main)
