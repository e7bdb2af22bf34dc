"""Which layers get an adapter: those that train.lora.target_modules names, of those that can."""

import re
from typing import TYPE_CHECKING

from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from torch.nn import Module
    from transformers import PreTrainedModel

_ALL = "all-linear"
# Their kernels read the weight of out_proj past an adapter: peft 0.21 refuses it there.
_STATES = {"falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h"}
# Beside routed experts peft 0.21 takes these names for parts of those, and not for the layers.
EXPERT_PARTS = {"gate_proj", "up_proj", "down_proj", "w1", "w2", "w3"}


def linear_layers(model: "PreTrainedModel") -> "dict[str, Module]":
    """Return the layers that can have an adapter, by name: linear ones that read text.

    The output layer is left out, since trl refuses it; GPT-2's Conv1D is linear, too.
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
    """Return how the names begin of what reads text, in a model that has eyes or ears, too."""
    if model.config.get_text_config() is model.config:
        return ""
    decoder = model.get_decoder()
    return next((f"{name}." for name, one in model.named_modules() if one is decoder), "")


def _short(name: str) -> str:
    """Return the last part of a module's name."""
    return name.rpartition(".")[2]


def chosen_layers(model: "PreTrainedModel", targets: str | list[str]) -> "dict[str, Module]":
    """Return the layers that get an adapter, by name; raise UserError when none does."""
    layers = linear_layers(model)
    names = {_short(name) for name in layers}
    wanted = names if targets == _ALL else {targets} if isinstance(targets, str) else set(targets)
    if not wanted <= names or not wanted:
        unknown = ", ".join(sorted(wanted - names)) or "[]"
        raise UserError(
            f"params.yaml: train.lora.target_modules: {unknown} is no linear layer of the base "
            f"that takes an adapter; those are {', '.join(sorted(names))}; all-linear takes all"
        )
    return {name: layer for name, layer in layers.items() if _short(name) in wanted}


def for_peft(model: "PreTrainedModel", targets: str | list[str]) -> str | list[str]:
    """Return what peft takes for target_modules, so that the chosen layers get an adapter.

    `all-linear` would take layers that it refuses, or that read no text.
    """
    special = model.config.model_type in _STATES or reader_of_text(model) or expert_weights(model)
    if not special:
        return targets
    inside = re.escape(reader_of_text(model))
    names = sorted({_short(name) for name in chosen_layers(model, targets)})
    return rf"{inside}(.*\.)?({'|'.join(map(re.escape, names))})"


def expert_weights(model: "PreTrainedModel") -> int:
    """Count the weights of routed experts, which are one block of several matrices a layer."""
    return sum(
        weight.numel()
        for name, weight in model.named_parameters()
        if weight.dim() == 3 and ".experts." in f".{name}"
    )


def left_out(model: "PreTrainedModel", targets: str | list[str]) -> list[str]:
    """List what gets no adapter though its weights are many, for people."""
    told = []
    if count := expert_weights(model):
        share = count / sum(weight.numel() for weight in model.parameters())
        told.append(f"experts, shared and dense ones too (routed: {share:.0%} of the weights)")
    if model.config.model_type in _STATES and targets == _ALL:
        told.append("out_proj, which peft refuses in layers with a state")
    if reader_of_text(model):
        told.append("what reads no text (pictures, sound)")
    return told
