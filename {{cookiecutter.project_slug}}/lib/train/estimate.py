"""What a training will cost, reckoned before its first step: compute and memory.

Compute is good to within a third or so: 2 operations a weight and token forward, 2 more back to the
activations and 2 to the weights that learn (Kaplan et al., 2020, section 2.1; LoRA skips the last
for frozen weights), attention's own on top. Memory: weights, adapters, gradients, AdamW's two
moments, and activations without the attention scores, which no current kernel keeps; on a GPU trl
scores the vocabulary in tiles and keeps no logits. It came out 4 to 23 % above what torch held on
an H200 (LoRA, QLoRA and full fine-tuning of 0.6 B), and 1 to 16 % above what small runs held on a
CPU. Preference training (DPO) is a second phase: both answers of a pair go through the model, and
once more, forward only, through the reference.
"""

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from lib.core.params import BaseParams
from lib.train.params import TrainParams
from lib.train.targets import chosen_layers

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

OVERHEAD = 0.6e9  # bytes of the process itself: torch, kernels, the data
OVERHEAD_ON_CPU = 0.75e9  # the most that trainings of a record or a few held, DPO's among them
TILE = 4096, 32_768  # positions and words that trl 1.16 scores at a time on a GPU


@dataclass(frozen=True)
class ModelShape:
    """What of a model decides the cost."""

    parameters: int
    trainable: int
    layers: int
    hidden: int
    vocabulary: int
    weight_bytes: float  # of a frozen or trained weight as it is held, on average
    activation_bytes: float  # that a token leaves in a layer for the way back
    checkpointing: bool  # activations of a layer are computed again instead of kept
    shards: int = 1  # devices that gradients and moments are spread over
    weight_shards: int = 1  # devices that the weights are spread over
    state_bytes: float = 0  # that a token of a chunk leaves in all layers with a state, on a CPU
    chunk: int = 1  # tokens that those layers take at a time; a shorter row is filled up
    gpu: bool = False  # it computes in 16 bits, and scores the vocabulary in tiles


@dataclass(frozen=True)
class Load:
    """What of the data and the params decides the cost of one phase."""

    tokens: int  # of all epochs
    longest: int  # tokens of the longest text
    batch_size: int  # records a step, on each device
    steps: int
    passes: int  # forward and back, of each device: several a step where gradients are added up
    texts: int = 1  # that a record is: 2 for a preference pair
    reference: bool = False  # a model without the adapter scores every text too
    packed: bool = False  # the rows of a batch are joined to one


def load_of(
    lengths: list[int], epochs: float, texts: int, params: TrainParams, processes: int
) -> Load:
    """Sum up how much one phase reads: tokens, steps, passes, and its longest text.

    `lengths` are tokens by text, `texts` of which make a record.
    """
    records = max(1, round(epochs * len(lengths) / texts))  # as lib.train.batches draws them
    per_step = params.batch_size * params.gradient_accumulation * processes
    return Load(
        tokens=round(epochs * sum(lengths)),
        longest=max(lengths),
        batch_size=params.batch_size,
        steps=math.ceil(records / per_step),
        passes=math.ceil(records / (params.batch_size * processes)),
        texts=texts,
        reference=texts > 1,
        packed=params.packing,
    )


def linear_sizes(model: "PreTrainedModel", targets: str | list[str]) -> list[tuple[int, int]]:
    """Return (in, out) of the layers that get an adapter; raise UserError when none does."""
    from torch.nn import Linear

    layers = chosen_layers(model, targets).values()
    shapes = [(tuple(layer.weight.shape), isinstance(layer, Linear)) for layer in layers]
    return [(shape[1], shape[0]) if linear else shape for shape, linear in shapes]  # else Conv1D


def shape_of(
    config: "PretrainedConfig", base: BaseParams, params: TrainParams, on_cpu: bool
) -> ModelShape:
    """Describe the model of a configuration by what decides its cost; loads no weights."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    adapters = params.weights != "full"
    sizes = linear_sizes(model, params.lora.target_modules) if adapters else []
    count = sum(weight.numel() for weight in model.parameters())
    text = config.get_text_config()
    kept = activation_bytes(text, on_cpu, adapters and params.lora.dropout > 0)
    # what comes out of the first half of each adapter, on its way to the second
    kept += params.lora.rank * len(sizes) * (4 if on_cpu else 2) / text.num_hidden_layers
    wide = 1.15 if params.weights == "qlora" else 1  # its norms compute in 32 bits
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
    """Return the bytes that a weight takes on average.

    qlora has its linear layers in 4 bits and what belongs to them, and all else, the embeddings
    above all, in float32.
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
    """Return the bytes that a token leaves in a layer for the backward pass.

    As counted by saved_tensors_hooks of torch 2.13 for Qwen3 and Llama: computed in 16 bits (a GPU)
    or 32. Dropout in front of adapters keeps half as much again; a GPU keeps it as truth values.
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
    """Return the bytes that a token leaves in all layers of Mamba 2's kind, without their kernels.

    transformers 5.17 multiplies each token of a chunk with each other one, by head and state. Up to
    eight such products of float32 were there at the peak of Mamba 2, Falcon-H1, a Granite hybrid.
    """
    heads = known_any(config, ("mamba_n_heads", "num_heads"), 0)
    states = known_any(config, ("mamba_d_state", "ssm_state_size", "state_size"), 0)
    kinds = getattr(config, "layer_types", None) or []
    named = sum("mamba" in str(kind) for kind in kinds)
    layers = named or config.num_hidden_layers
    chunk = known_any(config, ("mamba_chunk_size", "chunk_size"), 0)
    return 8.0 * 4 * chunk * heads * states * layers


def known_any(config: "PretrainedConfig", names: tuple[str, ...], otherwise: int) -> int:
    """Return the first number that a configuration has of several names of one thing."""
    return next((found for name in names if (found := known(config, name, 0))), otherwise)


def known(config: "PretrainedConfig", name: str, otherwise: int) -> int:
    """Read a number of a configuration, or `otherwise`; the largest where layers differ.

    Some bases have none, and some refuse to name one for all layers (Gemma 4).
    """
    try:
        value = getattr(config, name, None)
    except (AttributeError, ValueError):
        value = None
    return int(max(value) if isinstance(value, list) else value or otherwise)


def operations(shape: ModelShape, load: Load) -> float:
    """Count the floating-point operations of a phase, on all devices together."""
    frozen, passes = shape.parameters - shape.trainable, 3 + shape.checkpointing
    weights = 2 * passes * shape.trainable + 2 * (passes - 1) * frozen
    # on a CPU the packed rows of a step are one, attended to under a mask
    span = load.longest * (load.batch_size if load.packed and not shape.gpu else 1)
    attention = 4 * shape.layers * shape.hidden * span / 2
    reference = (2 * shape.parameters + attention) * load.reference
    return load.tokens * (weights + passes * attention + reference)


def memory(shape: ModelShape, load: Load) -> dict[str, float]:
    """Estimate the bytes at the peak of a step on one device, by what holds them."""
    whole = shape.trainable == shape.parameters
    tokens = load.batch_size * load.longest * load.texts
    whole_layer = tokens * shape.activation_bytes
    if shape.checkpointing:  # the inputs of all layers, in 32 bits at most, and everything of one
        inputs = 2 if shape.weight_bytes == 2 else 4
        activations = shape.layers * tokens * shape.hidden * inputs + whole_layer
    else:
        activations = shape.layers * whole_layer
    filled = -(-load.longest // shape.chunk) * shape.chunk * load.batch_size * load.texts
    activations += filled * shape.state_bytes
    if shape.gpu:
        head = shape.vocabulary * shape.hidden if whole else 0
        logits = 2.0 * min(tokens, TILE[0]) * TILE[1] + 4.0 * head
    else:
        logits = 2 * 4.0 * tokens * shape.vocabulary
    # float32 weights are kept in 16 bits, too, for the way back
    copies = 2 if shape.gpu and shape.weight_bytes == 4 and not shape.checkpointing else 0
    return {
        "weights": shape.parameters * (shape.weight_bytes + copies) / shape.weight_shards,
        "adapters": 0.0 if whole else shape.trainable * 4.0 / shape.weight_shards,
        "gradients": shape.trainable * 4.0 / shape.shards,
        "optimizer": shape.trainable * 8.0 / shape.shards,
        "activations": float(activations),
        "logits": logits,
        "overhead": OVERHEAD if shape.gpu else OVERHEAD_ON_CPU,
    }


def peak(shape: ModelShape, phases: dict[str, Load]) -> float:
    """Estimate the bytes at the peak of the phase that takes most."""
    return max(sum(memory(shape, load).values()) for load in phases.values())


def report_estimate(shape: ModelShape, phases: dict[str, Load]) -> dict[str, Any]:
    """Lay the estimate out as logs/train/estimate.json; it is the same on every machine."""
    return {
        **asdict(shape),
        "phases": {name: phase_report(shape, load) for name, load in phases.items()},
        "operations": sum(operations(shape, load) for load in phases.values()),
        "peak_memory_bytes": round(peak(shape, phases)),
    }


def phase_report(shape: ModelShape, load: Load) -> dict[str, Any]:
    """Say what one phase, such as sft or dpo, costs."""
    held = {name: round(value) for name, value in memory(shape, load).items()}
    return {**asdict(load), "operations": operations(shape, load), "memory_bytes": held}
