"""Choose the group size, and whether SmoothQuant applies, by the model's layers; limit the loss."""

from typing import TYPE_CHECKING, Any

from lib.model.loading import load_config
from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from torch.nn import Module
    from transformers import PreTrainedModel

SIZES = (128, 64, 32)  # group sizes that kernels support
# Limits of a quantization: beyond them the model is destroyed
MOST_PERPLEXITY = 2.0  # times that of the tuned model
MOST_ERROR = 0.7  # relative error of a layer's output


def group_size(model: "PreTrainedModel") -> int | None:
    """Choose the group size: the largest that divides the columns of all linear layers.

    None means one scale per row, where no size divides them all.
    """
    columns = {layer.in_features for layer in linear(model)}
    return next((size for size in SIZES if not any(width % size for width in columns)), None)


def outline(folder: str) -> "PreTrainedModel":
    """Build the model of a folder without its weights, to see its layers and their sizes."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(load_config(folder))
    return model


def linear(model: "PreTrainedModel") -> list[Any]:
    """List the linear layers to quantize; raise UserError if there are none."""
    from torch.nn import Linear

    head = model.get_output_embeddings()
    found = [one for one in model.modules() if isinstance(one, Linear) and one is not head]
    if not found:
        raise UserError(
            f"quantize.scheme: {type(model).__name__} has no linear layer that llm-compressor "
            "quantizes; set it to none, or to q8_0 (llama.cpp)"
        )
    return found


def can_smooth(model: "PreTrainedModel") -> bool:
    """Tell whether SmoothQuant can move scales into the norms before the layers.

    It divides the norms' weights; Gemma's norms multiply by weight + 1, so it would not work.
    """
    layers = dict(model.named_modules())
    norms = [one for name, one in layers.items() if name.endswith("layers.0.input_layernorm")]
    after = any(name.endswith("layers.0.post_attention_layernorm") for name in layers)
    plain = any(name.endswith("layers.0.self_attn.q_proj") for name in layers)
    dense = any(name.endswith("layers.0.mlp.gate_proj") for name in layers)
    return bool(norms) and after and plain and dense and scales(norms[0])


def scales(norm: "Module") -> bool:
    """Tell whether doubling the weight of a norm doubles its output."""
    import torch

    weight = norm.weight
    probe = torch.linspace(-1, 1, weight.numel(), dtype=weight.dtype, device=weight.device)
    with torch.inference_mode():
        kept, before = weight.clone(), norm(probe)
        weight.data.mul_(2)
        after = norm(probe)
        weight.data.copy_(kept)
    return bool(torch.allclose(after, 2 * before, rtol=1e-2))


def check_loss(scheme: str, figures: dict[str, Any]) -> None:
    """Raise UserError where the measured loss shows that quantization destroyed the model."""
    grown = figures["perplexity_quantized"] / max(figures["perplexity_tuned"], 1e-9)
    error = figures["layer_error_max"]
    if grown <= MOST_PERPLEXITY and error <= MOST_ERROR:
        return
    raise UserError(
        f"quantize.scheme {scheme} destroys this model: perplexity is {grown:.3g} times that of "
        f"the tuned one ({MOST_PERPLEXITY} is allowed), the error of a layer {error:.3g} "
        f"({MOST_ERROR}); set it to fp8, int8, q8_0 or none"
    )
