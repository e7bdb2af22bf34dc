"""Quantize with bitsandbytes: nf4 (Dettmers et al., 2023) or LLM.int8 (Dettmers et al., 2022).

No calibration is needed. transformers and vLLM load the result, on a CPU only transformers."""

from pathlib import Path
from typing import TYPE_CHECKING

from lib.model.loading import load_model

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SCHEMES = ("nf4", "int8")


def write_bitsandbytes(
    source: str,
    folder: Path,
    scheme: str,
    dtype: str,
    device: str,
    tokenizer: "PreTrainedTokenizerBase",
) -> None:
    """Quantize the model in `source` and save it to `folder`."""
    import torch
    from transformers import BitsAndBytesConfig

    if scheme == "nf4":
        config = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=getattr(torch, dtype),
        )
    else:
        config = BitsAndBytesConfig(load_in_8bit=True)
    model = load_model(source, dtype, device, quantization_config=config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
