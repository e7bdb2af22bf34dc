"""Describe the size of a model as far as memory and compute depend on it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lib.core.params import BaseParams
from lib.train.params import TrainParams
from lib.train.targets import chosen_layers

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel


@dataclass(frozen=True)
class ModelShape:
    """The quantities of a model that decide the cost of training."""

    parameters: int
    trainable: int
    layers: int
    hidden: int
    vocabulary: int
    weight_bytes: float  # bytes per weight, frozen or trained, on average
    activation_bytes: float  # bytes of activations per token and layer, for the backward pass
    checkpointing: bool  # activations of a layer are recomputed instead of kept
    shards: int = 1  # devices over which gradients and moments are sharded
    weight_shards: int = 1  # devices over which the weights are sharded
    state_bytes: float = 0  # bytes per token of a chunk in all state-space layers, on a CPU
    chunk: int = 1  # tokens per chunk of those layers; a shorter row is padded
    gpu: bool = False  # computes in 16 bits, and the loss in tiles of the vocabulary


def linear_sizes(model: "PreTrainedModel", targets: str | list[str]) -> list[tuple[int, int]]:
    """Return (inputs, outputs) of the layers that get an adapter; raise UserError if none does."""
    from torch.nn import Linear

    layers = chosen_layers(model, targets).values()
    shapes = [(tuple(layer.weight.shape), isinstance(layer, Linear)) for layer in layers]
    return [(shape[1], shape[0]) if linear else shape for shape, linear in shapes]  # else Conv1D


def shape_of(
    config: "PretrainedConfig", base: BaseParams, params: TrainParams, on_cpu: bool
) -> ModelShape:
    """Describe the model of a configuration by what decides its cost, without loading weights."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    adapters = params.weights != "full"
    sizes = linear_sizes(model, params.lora.target_modules) if adapters else []
    count = sum(weight.numel() for weight in model.parameters())
    text = config.get_text_config()
    kept = activation_bytes(text, on_cpu, adapters and params.lora.dropout > 0)
    # the output of the first matrix of each adapter
    kept += params.lora.rank * len(sizes) * (4 if on_cpu else 2) / text.num_hidden_layers
    wide = 1.15 if params.weights == "qlora" else 1  # norms compute in 32 bits
    return ModelShape(
        parameters=count,
        trainable=sum(params.lora.rank * (i + o) for i, o in sizes) or count,
        layers=text.num_hidden_layers,
        hidden=text.hidden_size,
        vocabulary=text.vocab_size,
        weight_bytes=weight_bytes(model, base.dtype, params.weights),
        activation_bytes=kept * wide,
        checkpointing=params.gradient_checkpointing,
        state_bytes=state_bytes(text) if on_cpu else 0,
        chunk=known_any(text, ("mamba_chunk_size", "chunk_size"), 1),
        gpu=not on_cpu,
    )


def weight_bytes(model: "PreTrainedModel", dtype: str, weights: str) -> float:
    """Return the average bytes per weight.

    qlora has its linear layers in 4 bits plus scales, and all others, mainly embeddings, in
    float32.
    """
    if weights != "qlora":
        return {"float32": 4, "bfloat16": 2}[dtype]
    import torch

    count = sum(weight.numel() for weight in model.parameters())
    head = model.get_output_embeddings()
    linear = [one for one in model.modules() if isinstance(one, torch.nn.Linear)]
    packed = sum(layer.weight.numel() for layer in linear if layer is not head)
    return (0.6 * packed + 4 * (count - packed)) / count


def activation_bytes(config: "PretrainedConfig", on_cpu: bool, dropout: bool) -> float:
    """Return the bytes of activations per token and layer for the backward pass.

    Counted with saved_tensors_hooks of torch 2.13 for Qwen3 and Llama, in 16 bits (a GPU) or 32.
    Dropout before adapters adds half as much; a GPU stores it as booleans.
    """
    hidden = config.hidden_size
    heads = known(config, "num_attention_heads", 1)
    size = known(config, "head_dim", hidden // heads)
    pairs = known(config, "num_key_value_heads", heads)
    experts = known(config, "num_experts_per_tok", 1)
    inner = known(config, "moe_intermediate_size", known(config, "intermediate_size", 4 * hidden))
    kept = 16 * hidden + 14 * heads * size + 12 * pairs * size + 8 * experts * inner
    dropped = (1.5 if on_cpu else 1.15) if dropout else 1
    return float(kept * (1.5 if on_cpu else 1) * dropped)


def state_bytes(config: "PretrainedConfig") -> float:
    """Return the bytes per token in all Mamba 2 layers, without their kernels.

    transformers 5.17 multiplies all pairs of tokens of a chunk, by head and state. Up to eight such
    float32 products were in memory at the peak of Mamba 2, Falcon-H1 and a Granite hybrid.
    """
    heads = known_any(config, ("mamba_n_heads", "num_heads"), 0)
    states = known_any(config, ("mamba_d_state", "ssm_state_size", "state_size"), 0)
    kinds = getattr(config, "layer_types", None) or []
    named = sum("mamba" in str(kind) for kind in kinds)
    layers = named or config.num_hidden_layers
    chunk = known_any(config, ("mamba_chunk_size", "chunk_size"), 0)
    return 8.0 * 4 * chunk * heads * states * layers


def known_any(config: "PretrainedConfig", names: tuple[str, ...], otherwise: int) -> int:
    """Return the first number that a configuration has under one of several names."""
    return next((found for name in names if (found := known(config, name, 0))), otherwise)


def known(config: "PretrainedConfig", name: str, otherwise: int) -> int:
    """Read a number from a configuration, or `otherwise`; the largest if layers differ.

    Some bases have none, and some refuse to give one for all layers (Gemma 4).
    """
    try:
        value = getattr(config, name, None)
    except (AttributeError, ValueError):
        value = None
    return int(max(value) if isinstance(value, list) else value or otherwise)
