"""Export the trained model: merged and checked against its adapter, with a generation config."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from lib.core.params import BaseParams
from lib.runtime.errors import UserError
from lib.train.adapters import adapted, merge_adapter

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase, Trainer

# Largest change of a logit by merging, in standard deviations of the logits: the rounding of summed
# weights to the dtype, through all layers. A wrong merge is off by 1 or more.
TOLERANCE = {"float32": 1e-3, "bfloat16": 0.3}
PROMPTS, POSITIONS = 8, 16  # records compared, and the last tokens of each


def merge_checked(
    trainer: "Trainer", base: BaseParams, weights: str, adapter: Path, examples: list[list[int]]
) -> tuple["PreTrainedModel", float]:
    """Merge the adapter into the model, and check that the logits stay the same.

    Returns the model and the largest change of its logits on the first `examples` (token ids), in
    standard deviations; raises UserError if it is too large.
    """
    apart = adapted(trainer, base, weights, adapter)
    before = logits(apart, examples)
    merged = merge_adapter(apart)
    difference = deviation(before, logits(merged, examples))
    if math.isnan(difference):
        raise UserError(
            "train: the trained model computes values that are no numbers: training diverged; "
            "lower train.learning_rate or train.max_grad_norm, or raise train.warmup; checkpoints "
            "are kept"
        )
    if difference > TOLERANCE[base.dtype]:
        raise UserError(
            f"train: merge check: logits of the merged model are off by {difference:.3g} standard "
            f"deviations from base and adapter, {TOLERANCE[base.dtype]} is allowed with base.dtype "
            f"{base.dtype}; set it to float32, or lower train.lora.alpha; checkpoints are kept"
        )
    return merged, difference


def logits(model: "PreTrainedModel", examples: list[list[int]]) -> "Tensor":
    """Compute the logits of the last positions of the first examples.

    `examples` are token ids; returns (positions, vocabulary) on the CPU.
    """
    import torch

    model.eval()
    rows = []
    with torch.inference_mode():
        for ids in examples[:PROMPTS]:
            batch = torch.tensor([ids], device=model.device)
            output = model(batch, logits_to_keep=POSITIONS, use_cache=False)
            rows.append(output.logits[0].float().cpu())
    return torch.cat(rows)


def deviation(before: "Tensor", after: "Tensor") -> float:
    """Return the largest difference of two tensors, in standard deviations of `before`."""
    return float((before - after).abs().max() / before.std())


def generation_config(tokenizer: "PreTrainedTokenizerBase", stops: set[int]) -> "GenerationConfig":
    """Return a generation config for greedy decoding that stops at every token in `stops`.

    Greedy as in eval, whatever the base's own config says. A server that stops only at the
    tokenizer's end token would continue after Gemma's turns.
    """
    from transformers import GenerationConfig

    return GenerationConfig(
        do_sample=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=sorted(stops),
        pad_token_id=tokenizer.pad_token_id,
    )
