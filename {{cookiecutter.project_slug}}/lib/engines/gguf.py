"""Convert models to GGUF, the format of llama.cpp and Ollama, with llama.cpp's own programs.

The embedded base's tokenizer was trained for this template, so the converter does not know it and
is told to split like Qwen2's. For any tokenizer, the GGUF's tokens are compared with ours.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lib.engines import gguf_convert
from lib.engines.builds import llamacpp
from lib.engines.hard_texts import HARD_TEXTS
from lib.engines.weights import GGUF_FILE, quantization
from lib.model.loading import load_tokenizer
from lib.runtime.errors import UserError
from lib.runtime.hub import refusal

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_SCRATCH = Path(".scratch/gguf")  # unquantized types of llama.cpp
UNKNOWN_PRE_TOKENIZER = "qwen2"
TYPES = ("q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0")  # types of llama-quantize
_KINDS = {"float32": "f32", "bfloat16": "bf16"}
_BESIDE = ("config.json", "generation_config.json", "chat_template.jinja", "tokenizer*.json")


def write_gguf(
    source: str, folder: Path, kind: str, dtype: str, tokenizer: "PreTrainedTokenizerBase"
) -> None:
    """Convert the model in `source` to folder/model.gguf, with the files transformers needs.

    `kind` is a type in TYPES, or "none" for unquantized weights. Raises UserError if the tokens
    differ.
    """
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        whole = Path(scratch, GGUF_FILE)
        worker = [sys.executable, gguf_convert.__file__, llamacpp("source"), UNKNOWN_PRE_TOKENIZER]
        run_program(*map(str, worker), source, whole, _KINDS[dtype])
        if kind == "none":
            shutil.move(whole, folder / GGUF_FILE)
        else:
            run_program(llamacpp("llama-quantize"), whole, folder / GGUF_FILE, kind.upper(), "1")
    for pattern in _BESIDE:
        for path in Path(source).glob(pattern):
            shutil.copyfile(path, folder / path.name)
    prove_tokens(folder / GGUF_FILE, tokenizer)


def servable(command: list[str], model: str, revision: str | None, dtype: str) -> str:
    """Return the folder for a server's command; plain weights are converted to GGUF for llama.cpp.

    Raises UserError for quantized weights in another format than GGUF.
    """
    if not any(GGUF_FILE in part for part in command) or Path(model, GGUF_FILE).is_file():
        return model
    if quantization(model):
        raise UserError(
            f"{model}: has no {GGUF_FILE}, which {command[0]} reads; set quantize.scheme to a GGUF "
            "type, such as q8_0"
        )
    source = model if Path(model).is_dir() else snapshot(model, revision)
    folder = _SCRATCH / Path(model).name
    folder.mkdir(parents=True, exist_ok=True)
    write_gguf(source, folder, "none", dtype, load_tokenizer(model, revision))
    return str(folder)


def snapshot(model: str, revision: str | None) -> str:
    """Return the local folder with the files of a hub id."""
    from huggingface_hub import snapshot_download

    try:
        return str(snapshot_download(model, revision=revision))
    except OSError as error:
        raise UserError(refusal(model, error)) from None


def prove_tokens(
    path: Path, tokenizer: "PreTrainedTokenizerBase", *options: str, texts: tuple[str, ...] = ()
) -> None:
    """Check that llama.cpp tokenizes the hard texts as our tokenizer does.

    `options` are passed to llama-tokenize. Raises UserError for the first text that differs.
    """
    text = "\n".join(texts or HARD_TEXTS)
    ours = tokenizer.encode(text, add_special_tokens=False, verbose=False)
    theirs = token_ids(path, text, *options)
    if theirs == ours:
        return
    pairs = enumerate(zip(ours, theirs, strict=False))
    same = next((index for index, (a, b) in pairs if a != b), 0)
    split = tokenizer.decode(ours[same : same + 4])
    raise UserError(
        f"{path}: tokenizer: llama.cpp splits {split!r} differently from training, so its "
        "pre-tokenizer differs; this llama.cpp cannot serve this base as GGUF: choose another "
        "quantize.scheme"
    )


def token_ids(path: Path, text: str, *options: str) -> list[int]:
    """Tokenize a text with llama.cpp, without a beginning-of-text token."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", suffix=".txt") as file:
        file.write(text)
        file.flush()
        flags = ["--ids", "--no-bos", "--no-escape", "--no-parse-special", "--log-disable"]
        printed = run_program(
            llamacpp("llama-tokenize"), "-m", path, "-f", file.name, *flags, *options
        )
    ids: list[int] = json.loads(printed.strip().splitlines()[-1])
    return ids


def run_program(*command: str | Path) -> str:
    """Run a program of llama.cpp and return its output; raise UserError with its last line."""
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        name = Path(command[1] if command[0] == sys.executable else command[0]).name
        raise UserError(f"{name}: ended with code {done.returncode}: {said}")
    return done.stdout
