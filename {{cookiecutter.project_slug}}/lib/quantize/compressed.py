"""Quantize with llm-compressor to compressed-tensors, which transformers and vLLM load."""

import json
import logging
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.model.loading import load_model
from lib.quantize.shape import can_smooth, group_size, linear
from lib.runtime.errors import UserError
from lib.runtime.files import write_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Parts that do not read text stay unquantized.
IGNORED_LAYERS = ["lm_head", r"re:.*(vision|visual|audio).*"]
SCHEMES = ("w4a16", "w8a8", "fp8", "awq")


def recipe(scheme: str, group: int | None, smooth: bool) -> list[Any]:
    """Return llm-compressor's modifiers for a scheme; embeddings and lm_head stay unquantized."""
    from llmcompressor.modifiers.awq import AWQModifier
    from llmcompressor.modifiers.gptq import GPTQModifier
    from llmcompressor.modifiers.quantization import QuantizationModifier
    from llmcompressor.modifiers.transform.smoothquant import SmoothQuantModifier

    target: dict[str, Any] = {"targets": "Linear", "ignore": IGNORED_LAYERS}
    match scheme:
        case "w4a16":  # GPTQ (Frantar et al., 2022), 4-bit weights in groups of 128
            return [GPTQModifier(**four_bits("W4A16", group))]
        case "awq":  # activation-aware scales (Lin et al., 2023), 4-bit weights in groups of 128
            return [AWQModifier(**four_bits("W4A16_ASYM", group))]
        case "w8a8":  # SmoothQuant (Xiao et al., 2022) first moves outliers into the weights
            return [*[SmoothQuantModifier()] * smooth, GPTQModifier(scheme="W8A8", **target)]
        case _:  # fp8: weights per channel, activations per token at run time; no calibration
            return [QuantizationModifier(scheme="FP8_DYNAMIC", **target)]


def four_bits(preset: str, group: int | None) -> dict[str, Any]:
    """Return a preset of 4-bit weights with this group size; None means one scale per row."""
    from compressed_tensors.quantization import QuantizationArgs, preset_name_to_scheme

    scheme = preset_name_to_scheme(preset, ["Linear"])
    given = scheme.weights.model_dump() | {
        "group_size": group,
        "strategy": "group" if group else "channel",
    }
    scheme.weights = QuantizationArgs(**given)
    return {"config_groups": {"group_0": scheme}, "ignore": IGNORED_LAYERS}


def write_compressed(
    source: str,
    folder: Path,
    scheme: str,
    dtype: str,
    device: str,
    tokenizer: "PreTrainedTokenizerBase",
    rows: list[list[int]],
) -> dict[str, Any]:
    """Quantize the model in `source` to `folder`, calibrated on `rows` of token ids.

    Returns what the layers allowed: group_size for 4-bit schemes, smoothed for w8a8.
    """
    # silence dozens of log lines, and warnings about what is intended
    os.environ.setdefault("LLM_COMPRESSOR_LOG_LEVEL", "ERROR")
    warnings.filterwarnings("ignore", message="Attempting to save a model with offloaded modules")
    logging.getLogger("torch.fx._symbolic_trace").setLevel(logging.ERROR)
    from datasets import Dataset
    from llmcompressor import oneshot

    model = load_model(source, dtype, device)
    linear(model)
    group, smooth = group_size(model), can_smooth(model)
    try:
        model = oneshot(
            model=model,
            processor=tokenizer,
            dataset=Dataset.from_dict(
                {"input_ids": rows, "attention_mask": [[1] * len(row) for row in rows]}
            ),
            recipe=recipe(scheme, group, smooth),
            num_calibration_samples=len(rows),
            max_seq_length=max(map(len, rows)),
            shuffle_calibration_samples=False,
        )
    except Exception as error:  # any: the errors of llm-compressor have no common class
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UserError(
            f"quantize.scheme {scheme}: llm-compressor cannot quantize this base ({first}); set it "
            "to fp8, nf4, int8, q8_0 (llama.cpp) or none"
        ) from None
    model.save_pretrained(folder, save_compressed=True)
    tokenizer.save_pretrained(folder)
    name_ignored(folder / "config.json")
    if scheme in ("w4a16", "awq"):
        return {"group_size": group}
    return {"smoothed": smooth} if scheme == "w8a8" else {}


def name_ignored(path: Path) -> None:
    """Add our patterns to the list of unquantized layers in a config.json.

    Parts of a multimodal model are named differently in its files, where the list is from, and in
    memory, where it is applied.
    """
    config = json.loads(path.read_text(encoding="utf-8"))
    ignored = config["quantization_config"]["ignore"]
    ignored += [name for name in IGNORED_LAYERS if name not in ignored]
    write_json(path, config)
