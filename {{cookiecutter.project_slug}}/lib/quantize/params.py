"""The `quantize` section: the scheme by which weights are quantized."""

from typing import Literal

from pydantic import Field

from lib.core.config import Section
from lib.engines.params import READERS, SCHEME_FOR, DeployParams
from lib.runtime.errors import UserError

Scheme = Literal[
    "w4a16", "w8a8", "fp8", "awq",  # compressed-tensors, by llm-compressor
    "gptq",  # by GPTQModel
    "nf4", "int8",  # bitsandbytes
    "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0",  # GGUF, by llama.cpp
    "none",
]  # fmt: skip


class QuantizeParams(Section):
    """How the tuned weights are quantized."""

    scheme: Scheme
    calibration_records: int = Field(ge=1)  # drawn from the training split only
    seed: int = Field(ge=0, lt=2**32)


def format_of(scheme: Scheme) -> str:
    """Return the format that a scheme writes; "" for none, which leaves weights unquantized."""
    match scheme:
        case "w4a16" | "w8a8" | "fp8" | "awq":
            return "compressed-tensors"
        case "nf4" | "int8":
            return "bitsandbytes"
        case "gptq":
            return "gptq"
        case "none":
            return ""
        case _:
            return "gguf"


def check_reader(scheme: Scheme, deploy: DeployParams) -> None:
    """Raise UserError where the stack cannot read the weights that a scheme writes."""
    made = format_of(scheme)
    if made and deploy.stack not in READERS[made]:
        raise UserError(
            f"params.yaml: quantize.scheme is {scheme}, whose weights ({made}) {deploy.stack} does "
            f"not serve (deploy.stack); set it to {SCHEME_FOR.get(deploy.stack, 'w4a16')} or none"
        )


def check_scheme_device(scheme: Scheme, device: str) -> None:
    """Raise UserError where a scheme does not run on hardware.device."""
    if scheme == "awq" and device == "cpu":
        raise UserError(
            "params.yaml: quantize.scheme is awq, which llm-compressor runs only on a GPU (pinned "
            "memory); set hardware.device to gpu, or the scheme to w4a16"
        )
