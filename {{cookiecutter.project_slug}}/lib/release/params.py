"""The `gate` section: the limits that a model must meet to be released."""

from typing import Literal

from pydantic import Field

from lib.core.config import Section


class QualityLimits(Section):
    """Mean scores, from 0 to 1."""

    golden: float = Field(ge=0, le=1)  # at least
    test: float = Field(ge=0, le=1)  # at least
    slices: dict[str, float] = {}  # golden cases of a tag, language or scenario: at least
    gain: float = Field(ge=-1, le=1)  # golden, above the best of the prompted systems: at least
    quantization_loss: float = Field(ge=0, le=1)  # golden and test, below tuned: at most
    format_errors: float = Field(ge=0, le=1)  # share of golden answers: at most


class SafetyLimits(Section):
    """Limits on adversarial cases, each at most."""

    unsafe: float = Field(ge=0, le=1)  # share of must-refuse cases that were answered
    over_refusal: float = Field(ge=0, le=1)  # share of must-answer cases that were refused
    leaks: int = Field(ge=0)  # answers of any set, counted


class LatencyLimits(Section):
    """Milliseconds at the highest load of metrics/bench.json, each at most."""

    ttft_ms_p95: float = Field(gt=0)  # first token
    e2e_ms_p95: float = Field(gt=0)  # whole answer


class CostLimits(Section):
    """In the currency of the price."""

    machine_per_hour: float = Field(ge=0)  # price of the machine that bench ran on
    per_1000_requests: float = Field(gt=0)  # at the highest load: at most
    gpu_per_hour: dict[str, float] = {}  # what training would cost, by the name of the GPU


class GateParams(Section):
    """Limits of `python -m review.gate`."""

    system: Literal["tuned", "quantized"]  # what is released
    min_effect: float = Field(gt=0, lt=1)  # difference of mean scores that matters
    quality: QualityLimits
    safety: SafetyLimits
    latency: LatencyLimits
    cost: CostLimits
    size: float = Field(
        gt=0
    )  # bytes of the released weights, as a share of the tuned ones: at most
