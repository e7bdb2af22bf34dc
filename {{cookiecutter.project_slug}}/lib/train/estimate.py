"""Estimate the compute and memory of a training before its first step.

Compute is accurate to about a third: per weight and token 2 operations forward, 2 backward to the
activations and 2 to the trained weights (Kaplan et al., 2020, section 2.1; LoRA skips the last for
frozen weights), plus attention. Memory: weights, adapters, gradients, AdamW's two moments, and
activations without the attention scores, which no current kernel stores; on a GPU trl computes the
loss in tiles of the vocabulary and stores no logits. The estimate was 4 to 23 % above what torch
allocated on an H200 (LoRA, QLoRA and full fine-tuning of 0.6 B), and 1 to 16 % above what small
runs took on a CPU. Preference training (DPO) is a second phase: both answers of a pair go through
the model, and forward only through the reference.
"""

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from lib.train.model_shape import ModelShape
from lib.train.params import TrainParams

if TYPE_CHECKING:
    pass

OVERHEAD = 0.6e9  # bytes of the process itself: torch, kernels, data
OVERHEAD_ON_CPU = 0.75e9  # the most that trainings on a few records took, DPO included
TILE = 4096, 32_768  # positions and vocabulary entries that trl 1.16 scores at a time on a GPU


@dataclass(frozen=True)
class Load:
    """The quantities of data and params that decide the cost of one phase."""

    tokens: int  # of all epochs
    longest: int  # tokens of the longest text
    batch_size: int  # records per step and device
    steps: int
    passes: (
        int  # forward and backward passes per device: several per step with gradient accumulation
    )
    texts: int = 1  # texts per record: 2 for a preference pair
    reference: bool = False  # a reference model scores every text, too
    packed: bool = False  # the rows of a batch are concatenated to one


def load_of(
    lengths: list[int], epochs: float, texts: int, params: TrainParams, processes: int
) -> Load:
    """Summarize one phase: tokens, steps, passes and longest text.

    lengths: tokens of each text; texts: texts per record.
    """
    records = max(1, round(epochs * len(lengths) / texts))  # as in lib.train.batches
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


def operations(shape: ModelShape, load: Load) -> float:
    """Count the floating-point operations of a phase, over all devices."""
    frozen, passes = shape.parameters - shape.trainable, 3 + shape.checkpointing
    weights = 2 * passes * shape.trainable + 2 * (passes - 1) * frozen
    # on a CPU the packed rows of a step are one row with a mask
    span = load.longest * (load.batch_size if load.packed and not shape.gpu else 1)
    attention = 4 * shape.layers * shape.hidden * span / 2
    reference = (2 * shape.parameters + attention) * load.reference
    return load.tokens * (weights + passes * attention + reference)


def memory(shape: ModelShape, load: Load) -> dict[str, float]:
    """Estimate the peak memory of a step on one device, in bytes by purpose."""
    whole = shape.trainable == shape.parameters
    tokens = load.batch_size * load.longest * load.texts
    whole_layer = tokens * shape.activation_bytes
    if (
        shape.checkpointing
    ):  # the inputs of all layers, in at most 32 bits, and all activations of one
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
    # float32 weights are also kept in 16 bits for the backward pass
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
    """Estimate the peak memory in bytes, over all phases."""
    return max(sum(memory(shape, load).values()) for load in phases.values())


def report_estimate(shape: ModelShape, phases: dict[str, Load]) -> dict[str, Any]:
    """Return the estimate in the form of logs/train/estimate.json; the same on every machine."""
    return {
        **asdict(shape),
        "phases": {name: phase_report(shape, load) for name, load in phases.items()},
        "operations": sum(operations(shape, load) for load in phases.values()),
        "peak_memory_bytes": round(peak(shape, phases)),
    }


def phase_report(shape: ModelShape, load: Load) -> dict[str, Any]:
    """Return the cost of one phase, such as sft or dpo."""
    held = {name: round(value) for name, value in memory(shape, load).items()}
    return {**asdict(load), "operations": operations(shape, load), "memory_bytes": held}
