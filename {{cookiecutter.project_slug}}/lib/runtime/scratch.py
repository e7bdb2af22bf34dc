"""Where work lies that DVC must not delete: it empties a stage's outputs before the stage runs.

DVC_ROOT, set by dvc, is the main workspace even for `dvc exp run --temp` and queued runs, which
thus find what was left there, too.
"""

import json
import os
from collections.abc import Iterable
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lib.runtime.files import sha256


def place(
    kind: str, decisive: Iterable[object], files: Iterable[Path], libraries: Iterable[str]
) -> Path:
    """.scratch/KIND/NAME, the name being made of `decisive` (JSON-serialisable values), code files
    and the versions of libraries: what another of them made is at another place."""
    code = [sha256(path) for path in files] + [installed(name) for name in libraries]
    raw = json.dumps([*decisive, code], sort_keys=True, ensure_ascii=False).encode()
    name = blake2b(raw, digest_size=8).hexdigest()
    return Path(os.environ.get("DVC_ROOT", "."), ".scratch", kind, name).absolute()


def installed(name: str) -> str:
    """The version of a library; empty where it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
