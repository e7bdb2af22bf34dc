"""Choose the layers that get an adapter, by train.lora.target_modules."""

import re
from typing import TYPE_CHECKING

from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from torch.nn import Module
    from transformers import PreTrainedModel

_ALL = "all-linear"
# Their kernels bypass an adapter on out_proj: peft 0.21 refuses it there.
_STATES = {"falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h"}
# In models with routed experts, peft 0.21 takes these names for parts of the experts.
EXPERT_PARTS = {"gate_proj", "up_proj", "down_proj", "w1", "w2", "w3"}


def linear_layers(model: "PreTrainedModel") -> "dict[str, Module]":
    """Return the layers that can have an adapter, by name: linear ones of the text model.

    The output layer is excluded, since trl refuses it; GPT-2's Conv1D counts as linear.
    """
    from torch.nn import Linear
    from transformers.pytorch_utils import Conv1D

    head, inside = model.get_output_embeddings(), reader_of_text(model)
    refused = {"lm_head"} | (EXPERT_PARTS if expert_weights(model) else set())
    refused |= {"out_proj"} if model.config.model_type in _STATES else set()
    return {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, Linear | Conv1D)
        and layer is not head
        and name.startswith(inside)
        and _short(name) not in refused
    }


def reader_of_text(model: "PreTrainedModel") -> str:
    """Return the name prefix of the text model in a multimodal model."""
    if model.config.get_text_config() is model.config:
        return ""
    decoder = model.get_decoder()
    return next((f"{name}." for name, one in model.named_modules() if one is decoder), "")


def _short(name: str) -> str:
    """Return the last part of a module's name."""
    return name.rpartition(".")[2]


def chosen_layers(model: "PreTrainedModel", targets: str | list[str]) -> "dict[str, Module]":
    """Return the layers that get an adapter, by name; raise UserError if there are none."""
    layers = linear_layers(model)
    names = {_short(name) for name in layers}
    wanted = names if targets == _ALL else {targets} if isinstance(targets, str) else set(targets)
    if not wanted <= names or not wanted:
        unknown = ", ".join(sorted(wanted - names)) or "[]"
        raise UserError(
            f"params.yaml: train.lora.target_modules: {unknown} is not a linear layer of the base "
            f"that can have an adapter; those are {', '.join(sorted(names))}; all-linear selects "
            "all"
        )
    return {name: layer for name, layer in layers.items() if _short(name) in wanted}


def for_peft(model: "PreTrainedModel", targets: str | list[str]) -> str | list[str]:
    """Return peft's target_modules for the chosen layers.

    peft's own `all-linear` would include layers that it refuses, or that do not read text.
    """
    special = model.config.model_type in _STATES or reader_of_text(model) or expert_weights(model)
    if not special:
        return targets
    inside = re.escape(reader_of_text(model))
    names = sorted({_short(name) for name in chosen_layers(model, targets)})
    return rf"{inside}(.*\.)?({'|'.join(map(re.escape, names))})"


def expert_weights(model: "PreTrainedModel") -> int:
    """Count the weights of routed experts, which are one block of several matrices per layer."""
    return sum(
        weight.numel()
        for name, weight in model.named_parameters()
        if weight.dim() == 3 and ".experts." in f".{name}"
    )


def left_out(model: "PreTrainedModel", targets: str | list[str]) -> list[str]:
    """Describe large parts of the model that get no adapter."""
    told = []
    if count := expert_weights(model):
        share = count / sum(weight.numel() for weight in model.parameters())
        told.append(f"experts, shared and dense ones too (routed: {share:.0%} of the weights)")
    if model.config.model_type in _STATES and targets == _ALL:
        told.append("out_proj, which peft refuses in state-space layers")
    if reader_of_text(model):
        told.append("vision and audio parts")
    return told
