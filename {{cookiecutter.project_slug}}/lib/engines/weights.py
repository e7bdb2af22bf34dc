"""Load a model into transformers, whatever format the quantize stage wrote it in.

transformers itself reads compressed-tensors and bitsandbytes. GPTQ and GGUF are dequantized here,
to the numbers that a kernel of vLLM or llama.cpp computes with; the parity stage compares the
server's answers. GPTQ checkpoints may come from GPTQModel or its predecessor auto-gptq.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.model.loading import load_config, load_model
from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

GGUF_FILE = "model.gguf"
_PACKED = ("qweight", "qzeros", "scales", "g_idx")


def load_weights(
    model: str, dtype: str, device: str, revision: str | None = None
) -> "PreTrainedModel":
    """Load the model of a folder in any format that `quantize` writes, or of a hub id.

    dtype: of unquantized weights, `float32` or `bfloat16`. Returned in evaluation mode. Raises
    UserError where weights are missing or unreadable.
    """
    from transformers import GenerationConfig

    if Path(model, GGUF_FILE).is_file():
        # transformers 5.17 does not read head_dim from a GGUF
        loaded = load_model(model, dtype, device, gguf_file=GGUF_FILE, config=load_config(model))
    elif quantization(model).get("quant_method") == "gptq":
        loaded = load_gptq(model, dtype, device)
    else:
        return load_model(model, dtype, device, revision)
    if Path(model, "generation_config.json").is_file():  # auto-gptq did not write one
        loaded.generation_config = GenerationConfig.from_pretrained(model)
    return loaded


def weights_size(folder: str | Path) -> int:
    """Return the size of the weights in a model folder, in bytes."""
    files = [*Path(folder).glob("*.safetensors"), *Path(folder).glob("*.gguf")]
    return sum(path.stat().st_size for path in files)


def quantization(folder: str) -> dict[str, Any]:
    """Return the quantization config of a model folder; {} if it is not quantized.

    Before 0.5, auto-gptq stored it only in quantize_config.json.
    """
    config = _read_json(Path(folder, "config.json"))
    old = _read_json(Path(folder, "quantize_config.json"))
    packing: dict[str, Any] = config.get("quantization_config", {})
    return packing or ({"quant_method": "gptq"} | old if old else {})


def _read_json(path: Path) -> dict[str, Any]:
    """Read a file of settings; empty where it is missing."""
    settings: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return settings


def load_gptq(folder: str, dtype: str, device: str) -> "PreTrainedModel":
    """Load a GPTQ checkpoint as a model with dequantized weights."""
    import torch
    from transformers import AutoModelForCausalLM

    config, packing = load_config(folder), quantization(folder)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype))
    weights = plain_weights(folder, packing, getattr(torch, dtype))
    extra = weights.keys() - model.state_dict().keys()
    for name in [name for name in extra if name.endswith(".bias") and not weights[name].any()]:
        del weights[name]  # auto-gptq gave each layer a bias, of zeros where the model has none
    for copy, original in model.all_tied_weights_keys.items():
        weights.setdefault(copy, weights[original])
    model.load_state_dict(weights)
    return model.to(device).eval()


def plain_weights(folder: str, packing: dict[str, Any], dtype: Any) -> "dict[str, Tensor]":
    """Return the tensors of a GPTQ checkpoint by name, with packed matrices dequantized."""
    from safetensors.torch import load_file

    paths = sorted(Path(folder).glob("*.safetensors"))
    tensors = {name: value for path in paths for name, value in load_file(path).items()}
    plain = {}
    for name, value in tensors.items():
        layer, _, kind = name.rpartition(".")
        if kind == "qweight":
            packed = {part: tensors[f"{layer}.{part}"] for part in _PACKED}
            plain[f"{layer}.weight"] = unpack_weights(packed, folder, packing).to(dtype)
        elif kind not in _PACKED:
            plain[name] = value.to(dtype)
    return plain


def unpack_weights(packed: "dict[str, Tensor]", folder: str, packing: dict[str, Any]) -> "Tensor":
    """Dequantize the weight of one layer, shape (outputs, inputs).

    An int32 packs 32/bits numbers, the first in the lowest bits: `qweight` along inputs, `qzeros`
    along outputs. `g_idx` is the group of each input. The original format ("gptq", also
    auto-gptq's) stores zero points minus one, "gptq_v2" as they are.
    """
    bits = packing.get("bits")
    kind = packing.get("checkpoint_format", "gptq")
    if bits not in (2, 4, 8) or kind not in ("gptq", "gptq_v2"):
        raise UserError(
            f"{folder}: a GPTQ checkpoint of {bits} bits in format '{kind}' is not supported; "
            "2, 4 and 8 bits in gptq or gptq_v2 are"
        )
    numbers = spread(packed["qweight"], bits).flatten(0, 1)  # (inputs, outputs)
    zeros = spread(packed["qzeros"].T, bits).flatten(0, 1).T  # (groups, outputs)
    zeros = zeros + (kind == "gptq")
    group = packed["g_idx"].long()
    return ((numbers - zeros[group]) * packed["scales"].float()[group]).T


def spread(packed: "Tensor", bits: int) -> "Tensor":
    """Unpack int32s of shape (rows, columns) to numbers of shape (rows, 32 / bits, columns)."""
    import torch

    shifts = torch.arange(0, 32, bits, device=packed.device)[None, :, None]
    return (packed.long()[:, None, :] >> shifts) & (2**bits - 1)
