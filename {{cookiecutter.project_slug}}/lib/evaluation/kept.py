"""The answers of a system, kept so that who changes how they are scored does not ask again.

They lie outside DVC's outputs, as training's checkpoints do, and leaks in them are masked. The file
is named by everything that decides them: weights, prompts, settings, code, libraries. To ask again
all the same, delete .scratch/eval.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lib.engines.answer import Answer
from lib.errors import UserError
from lib.files import sha256
from lib.records import read_objects, write_records

LIB = Path(__file__).parents[1]
CODE = ("chat.py", "models.py", "text.py", "engines/*.py", "pii/*.py", "quantize/*.py")
LIBRARIES = (
    *("torch", "transformers", "tokenizers", "vllm", "compressed-tensors", "gptqmodel"),
    *("bitsandbytes", "presidio-analyzer", "phonenumbers"),
)


def path_of(system: str, *decisive: object) -> Path:
    """Where the answers of a system are kept that `decisive` (JSON-serialisable values) describes,
    with the code at hand."""
    raw = json.dumps([system, *decisive, code()], sort_keys=True).encode()
    name = f"{system}-{blake2b(raw, digest_size=8).hexdigest()}.jsonl"
    return Path(os.environ.get("DVC_ROOT", "."), ".scratch", "eval", name)


def code() -> list[str]:
    """The code that asks and masks, and the libraries it uses."""
    files = [path for pattern in CODE for path in sorted(LIB.glob(pattern))]
    files += [Path(__file__).with_name("leaks.py"), LIB.parent / "stages/eval.py"]
    return [sha256(path) for path in files] + [installed(name) for name in LIBRARIES]


def installed(name: str) -> str:
    """The version of a library; empty where it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def weights(model: str, revision: str | None) -> list[str]:
    """What names a model exactly: a folder's files with their hashes, or hub id and commit."""
    files = sorted(path for path in Path(model).rglob("*") if path.is_file())
    return [f"{path.relative_to(model)} {sha256(path)}" for path in files] or [model, f"{revision}"]


def read(path: Path, count: int) -> list[Answer] | None:
    """So many kept answers, in the order of the cases; None where the file is not whole."""
    try:
        answers = [Answer(**row) for row in read_objects(path)]
    except (UserError, TypeError):  # cut off, or of another version
        return None
    return answers if len(answers) == count else None


def keep(path: Path, answers: Sequence[Answer]) -> None:
    """Write them, whole or not at all."""
    write_records(path, map(asdict, answers))
