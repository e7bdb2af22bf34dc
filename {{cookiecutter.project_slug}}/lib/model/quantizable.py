"""Check before training whether a scheme can quantize the model, by the base's configuration.

Seen on small models of each kind (tests/family_table.py): transformers 5.17, llm-compressor 0.14.
"""

from typing import TYPE_CHECKING

from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from transformers import PretrainedConfig

FOUR_BITS = ("w4a16", "awq")
COMPRESSED = (*FOUR_BITS, "w8a8", "fp8")  # by llm-compressor
CONVOLUTIONS = {"gpt2"}  # layers that are linear, but not torch.nn.Linear
STATES = {"falcon_mamba", "mamba", "mamba2"}  # whose code reads the plain weight of a layer
LATENT = {"deepseek_v2", "deepseek_v3"}  # low-rank keys and values: bitsandbytes 0.50 fails
READABLE_EXPERTS = {"deepseek_v3", "glm4_moe", "qwen3_moe"}  # that can be read back, except in w8a8


def check_quantizable(scheme: str | None, config: "PretrainedConfig") -> None:
    """Raise UserError where a scheme cannot quantize a base, or the result cannot be loaded."""
    kind = str(config.get_text_config().model_type)
    why = cure = ""
    if scheme == "int8" and kind in LATENT:
        why, cure = "has layers that bitsandbytes does not compute in 8 bits", "nf4, fp8 or none"
    elif scheme not in COMPRESSED:
        return
    elif kind in CONVOLUTIONS:
        why, cure = "has no linear layer that llm-compressor quantizes", "none"
    elif kind in STATES and scheme in FOUR_BITS:
        why, cure = "cannot be read back with layers of 4 bits", "fp8, w8a8 or none"
    elif routed_experts(config) and kind not in READABLE_EXPERTS:
        why, cure = "has experts that transformers cannot read back once quantized", "none"
    elif routed_experts(config) and scheme == "w8a8":
        why, cure = "has experts that transformers cannot read back in w8a8", "fp8 or none"
    if why:
        raise UserError(
            f"params.yaml: quantize.scheme is {scheme}, and the base ({kind}) {why}; set it to "
            f"{cure}; with none, set gate.system to tuned"
        )


def routed_experts(config: "PretrainedConfig") -> int:
    """Return how many routed experts a layer has, 0 in a dense model."""
    text, names = config.get_text_config(), ("num_experts", "num_local_experts", "n_routed_experts")
    return max(int(getattr(text, name, 0) or 0) for name in names)
