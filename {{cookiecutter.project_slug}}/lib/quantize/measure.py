"""Measure the loss of quantization: perplexity, and the error of each layer."""

import math
from typing import TYPE_CHECKING, Any

from lib.model.chat import IGNORED, Example

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

LAYERS_OF = 16  # examples whose hidden states are compared


def compare_models(
    tuned: "PreTrainedModel", quantized: "PreTrainedModel", examples: list[Example]
) -> dict[str, Any]:
    """Compare two models on the same examples.

    perplexity_* is over the tokens of answers, given all tokens before; perplexity_delta is
    quantized minus tuned. layer_error is, by layer, the norm of the difference of its output hidden
    states relative to the norm of the tuned model's: the loss of this layer and all before it.
    """
    before, after = perplexity(tuned, examples), perplexity(quantized, examples)
    errors = layer_errors(tuned, quantized, examples[:LAYERS_OF])
    return {
        "perplexity_tuned": round(before, 5),
        "perplexity_quantized": round(after, 5),
        "perplexity_delta": round(after - before, 5),
        "layer_error_max": max(errors),
        "layer_error": errors,
    }


def perplexity(model: "PreTrainedModel", examples: list[Example]) -> float:
    """Compute exp of the mean negative log-probability of the learnt tokens."""
    import torch
    from torch.nn.functional import cross_entropy

    total, tokens = 0.0, 0
    with torch.inference_mode():
        for example in examples:
            labels = torch.tensor(example.labels[1:], device=model.device)
            logits = model(_ids_of(model, example), use_cache=False).logits[0, :-1].float()
            total += float(cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum"))
            tokens += int((labels != IGNORED).sum())
    return math.exp(total / max(tokens, 1))


def layer_errors(
    tuned: "PreTrainedModel", quantized: "PreTrainedModel", examples: list[Example]
) -> list[float]:
    """Compute the relative error of the hidden states after each layer, over all examples."""
    import torch

    gaps: dict[int, float] = {}
    norms: dict[int, float] = {}
    with torch.inference_mode():
        for example in examples:
            pairs = zip(states(tuned, example), states(quantized, example), strict=True)
            for layer, (right, found) in enumerate(pairs):
                gaps[layer] = gaps.get(layer, 0.0) + float((right - found).square().sum())
                norms[layer] = norms.get(layer, 0.0) + float(right.square().sum())
    return [round(math.sqrt(gaps[layer] / norms[layer]), 5) for layer in gaps]


def states(model: "PreTrainedModel", example: Example) -> "list[Tensor]":
    """Return the hidden states after each layer; the last is normalized, as the head reads it."""
    output = model(_ids_of(model, example), use_cache=False, output_hidden_states=True)
    return [state.float().cpu() for state in output.hidden_states[1:]]


def _ids_of(model: "PreTrainedModel", example: Example) -> "Tensor":
    """Return the token ids of an example as a batch of one."""
    import torch

    return torch.tensor([example.input_ids], device=model.device)
