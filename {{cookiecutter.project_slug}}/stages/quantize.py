"""Quantize the tuned model, calibrated on the training split, and measure the loss.

reads   models/tuned, data/split/{train,val}.jsonl, reports/leakage.json
writes  models/quantized (docs/serving.md: which scheme runs where), metrics/quantize.json
"""

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lib.core.config import load
from lib.core.leakage_check import require_checked
from lib.core.params import BaseParams, HardwareParams, TaskParams
from lib.engines import gguf
from lib.engines.weights import load_weights, weights_size
from lib.model.loading import (
    QUANTIZED,
    TUNED,
    deterministic,
    load_config,
    load_tokenizer,
    make_readable,
    torch_device,
)
from lib.model.quantizable import check_quantizable
from lib.quantize import bitsandbytes, compressed
from lib.quantize.calibration import TRAIN_SPLIT, VAL_SPLIT, draw_examples
from lib.quantize.gptq import write_gptq
from lib.quantize.measure import compare_models
from lib.quantize.params import QuantizeParams, check_scheme_device
from lib.quantize.shape import check_loss
from lib.runtime.errors import UserError, run
from lib.runtime.files import atomic_folder, write_json

MEASURED = 64  # val records for measuring perplexity


def check_installed(scheme: str) -> None:
    """Raise UserError if the package that a scheme needs is missing."""
    for schemes, package, extra in (
        (bitsandbytes.SCHEMES, "bitsandbytes", "bitsandbytes"),
        (compressed.SCHEMES, "llmcompressor", "quantize"),
    ):
        if scheme in schemes and find_spec(package) is None:
            raise UserError(
                f"quantize.scheme is '{scheme}', which needs {package}; "
                f"pip install -c constraints.txt '.[{extra}]'"
            )


def quantize(
    params: QuantizeParams, base: BaseParams, hardware: HardwareParams, system: str, folder: Path
) -> dict[str, Any]:
    """Quantize models/tuned to `folder`; return what the layers allowed (group_size, smoothed)."""
    scheme, device = params.scheme, torch_device(hardware)
    check_scheme_device(scheme, device)
    check_installed(scheme)
    check_quantizable(scheme, load_config(TUNED))
    tokenizer = load_tokenizer(TUNED)
    if scheme == "none":
        shutil.copytree(TUNED, folder, dirs_exist_ok=True)
    elif scheme in gguf.TYPES:
        gguf.write_gguf(TUNED, folder, scheme, base.dtype, tokenizer)
    elif scheme in bitsandbytes.SCHEMES:
        bitsandbytes.write_bitsandbytes(TUNED, folder, scheme, base.dtype, device, tokenizer)
    else:
        drawn = draw_examples(TRAIN_SPLIT, params.calibration_records, tokenizer, system, params)
        rows = [example.input_ids for example in drawn]
        if scheme == "gptq":
            return write_gptq(TUNED, folder, device, tokenizer, rows, hardware.threads, params.seed)
        return compressed.write_compressed(
            TUNED, folder, scheme, base.dtype, device, tokenizer, rows
        )
    return {}


def read_back(scheme: str, base: BaseParams, device: str) -> Any:
    """Load the quantized model; raise UserError if transformers cannot."""
    try:
        return load_weights(QUANTIZED, base.dtype, device)
    except UserError:
        raise
    except Exception as error:  # any: errors of loading have no common class
        said = (str(error).splitlines() or [""])[0]
        raise UserError(
            f"{QUANTIZED}: transformers cannot load this model in quantize.scheme '{scheme}' "
            f"({type(error).__name__}: {said:.120}); set another scheme, or none"
        ) from error


def main() -> None:
    params, task = load("quantize", QuantizeParams), load("task", TaskParams)
    base, hardware = load("base", BaseParams), load("hardware", HardwareParams)
    require_checked(TRAIN_SPLIT, VAL_SPLIT)
    deterministic(params.seed, hardware)
    with atomic_folder(QUANTIZED) as folder:
        allowed = quantize(params, base, hardware, task.system, folder)
        make_readable(folder)
    device = torch_device(hardware)
    examples = draw_examples(VAL_SPLIT, MEASURED, load_tokenizer(TUNED), task.system, params)
    figures = compare_models(
        load_weights(TUNED, base.dtype, device),
        read_back(params.scheme, base, device),
        examples,
    )
    sizes = {"tuned_bytes": weights_size(TUNED), "quantized_bytes": weights_size(QUANTIZED)}
    write_json("metrics/quantize.json", {"scheme": params.scheme, **allowed, **sizes, **figures})
    check_loss(params.scheme, figures)
    print(
        f"quantize {params.scheme}: {sizes['tuned_bytes']:,} bytes to "
        f"{sizes['quantized_bytes']:,}, perplexity {figures['perplexity_tuned']:.3f} to "
        f"{figures['perplexity_quantized']:.3f}"
    )


if __name__ == "__main__":
    run(main)
