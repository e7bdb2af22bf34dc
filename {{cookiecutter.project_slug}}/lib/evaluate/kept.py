"""The answers of a system, kept so that who changes how they are scored does not ask again.

Leaks in them are masked. The file is named by everything that decides them: weights, prompts,
settings, code, libraries. To ask again all the same, delete .scratch/eval.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from lib.core.records import read_objects, write_records
from lib.engines.answer import Answer
from lib.runtime.errors import UserError
from lib.runtime.scratch import place

LIB = Path(__file__).parents[1]
CODE = ("chat.py", "models.py", "text.py", "engines/*.py", "pii/*.py", "quantize/*.py")
LIBRARIES = (
    *("torch", "transformers", "tokenizers", "vllm", "compressed-tensors", "gptqmodel"),
    *("bitsandbytes", "presidio-analyzer", "phonenumbers", "regex"),
)


def path_of(system: str, *decisive: object) -> Path:
    """Where the answers of a system are kept that `decisive` (JSON-serialisable values) describes,
    with the code at hand, that asks and masks."""
    files = [path for pattern in CODE for path in sorted(LIB.glob(pattern))]
    files += [Path(__file__).with_name("leaks.py"), LIB.parent / "stages/eval.py"]
    path = place("eval", [system, *decisive], files, LIBRARIES)
    return path.with_name(f"{system}-{path.name}.jsonl")


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
