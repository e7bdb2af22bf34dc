"""The `quantize` section."""

from typing import Literal

from pydantic import Field

from lib.core.config import Section

Scheme = Literal[
    "w4a16", "w8a8", "fp8", "awq",  # compressed-tensors, by llm-compressor
    "gptq",  # by GPTQModel
    "nf4", "int8",  # bitsandbytes
    "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0",  # GGUF, by llama.cpp
    "none",
]  # fmt: skip


class QuantizeParams(Section):
    """How the tuned weights are made smaller."""

    scheme: Scheme
    calibration_records: int = Field(ge=1)  # drawn from the training split only
    seed: int = Field(ge=0, lt=2**32)
