"""Quantize with GPTQ (Frantar et al., 2022) by GPTQModel, the successor of auto-gptq.

GPTQModel runs in an environment of its own; lib/engines/weights.py loads the result without it."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.engines.builds import gptqmodel
from lib.quantize import gptq_worker
from lib.quantize.shape import group_size, outline
from lib.runtime.errors import UserError
from lib.runtime.files import write_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def write_gptq(
    source: str,
    folder: Path,
    device: str,
    tokenizer: "PreTrainedTokenizerBase",
    rows: list[list[int]],
    threads: int,
    seed: int,
) -> dict[str, Any]:
    """Quantize the model in `source` to 4 bits in `folder`, calibrated on rows of token ids.

    Returns group_size, which the layers allow.
    """
    group = group_size(outline(source))
    paths = {"source": str(Path(source).resolve()), "folder": str(folder.resolve())}
    job = paths | {"device": device, "rows": rows, "threads": threads, "seed": seed}
    job["group"] = group or -1  # GPTQModel's value for a whole row
    with (
        tempfile.TemporaryDirectory() as workplace
    ):  # it writes a folder logs/ to the current folder
        done = subprocess.run(
            [gptqmodel(), Path(gptq_worker.__file__).resolve()],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            cwd=workplace,
        )
    if done.returncode:
        said = (done.stderr.strip() or "no output").splitlines()[-1]
        raise UserError(f"quantize: GPTQModel ended with code {done.returncode}: {said}")
    (folder / "quant_log.csv").unlink(missing_ok=True)  # timings
    for name in ("config.json", "quantize_config.json"):
        forget_run(folder / name)
    tokenizer.save_pretrained(folder)
    return {"group_size": group}


def forget_run(path: Path) -> None:
    """Remove what differs between runs from a config (a path in /tmp, the device)."""
    config = json.loads(path.read_text(encoding="utf-8"))
    quantization = config.get("quantization_config", config)
    meta = quantization.get("meta", {})
    quantization["meta"] = {"quantizer": meta.get("quantizer")}
    write_json(path, config)
