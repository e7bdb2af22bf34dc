"""compressed-tensors, the format of llm-compressor: transformers and vLLM load it."""

import logging
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.model.loading import load_model

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SCHEMES = ("w4a16", "w8a8", "fp8", "awq")


def recipe(scheme: str) -> list[Any]:
    """Return llm-compressor's modifiers for a scheme; embeddings and lm_head stay as they are."""
    from llmcompressor.modifiers.awq import AWQModifier
    from llmcompressor.modifiers.gptq import GPTQModifier
    from llmcompressor.modifiers.quantization import QuantizationModifier
    from llmcompressor.modifiers.transform.smoothquant import SmoothQuantModifier

    target: dict[str, Any] = {"targets": "Linear", "ignore": ["lm_head"]}
    match scheme:
        case "w4a16":  # GPTQ (Frantar et al., 2022), 4-bit weights in groups of 128
            return [GPTQModifier(scheme="W4A16", **target)]
        case "awq":  # activation-aware scales (Lin et al., 2023), 4-bit weights in groups of 128
            return [AWQModifier(scheme="W4A16_ASYM", **target)]
        case "w8a8":  # SmoothQuant (Xiao et al., 2022) first moves outliers into the weights
            return [SmoothQuantModifier(), GPTQModifier(scheme="W8A8", **target)]
        case _:  # fp8: weights by channel, activations by token at run time; no calibration
            return [QuantizationModifier(scheme="FP8_DYNAMIC", **target)]


def write_compressed(
    source: str,
    folder: Path,
    scheme: str,
    dtype: str,
    device: str,
    tokenizer: "PreTrainedTokenizerBase",
    rows: list[list[int]],
) -> None:
    """Quantize `source` into `folder`, calibrated on `rows` of token ids."""
    # its own lines by the dozen, and warnings about what llm-compressor does on purpose
    os.environ.setdefault("LLM_COMPRESSOR_LOG_LEVEL", "ERROR")
    warnings.filterwarnings("ignore", message="Attempting to save a model with offloaded modules")
    logging.getLogger("torch.fx._symbolic_trace").setLevel(logging.ERROR)
    from datasets import Dataset
    from llmcompressor import oneshot

    model = oneshot(
        model=load_model(source, dtype, device),
        dataset=Dataset.from_dict(
            {"input_ids": rows, "attention_mask": [[1] * len(row) for row in rows]}
        ),
        recipe=recipe(scheme),
        num_calibration_samples=len(rows),
        max_seq_length=max(map(len, rows)),
        shuffle_calibration_samples=False,
    )
    model.save_pretrained(folder, save_compressed=True)
    tokenizer.save_pretrained(folder)
