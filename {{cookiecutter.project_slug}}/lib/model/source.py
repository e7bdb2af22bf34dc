"""Which files a model is: a folder's, and whether they are those that params.yaml pins."""

import hashlib
import json
import os
from functools import cache
from pathlib import Path

from lib.runtime.errors import UserError
from lib.runtime.files import sha256
from lib.runtime.hub import ask_once

OWN = "base"  # the folder of this project that DVC watches; every other one is pinned by its hash
ADAPTER = "adapter_config.json"
POINTER = b"version https://git-lfs"  # what a checkout without Git LFS has instead of a file
READ = {".json", ".safetensors", ".model", ".txt", ".tiktoken", ".jinja"}  # files of a model


def check_folder(model: str, revision: str | None = None) -> None:
    """Raise UserError where a model's path is not the folder that it seems, or that is pinned.

    A path that looks like a folder but is not one would be taken for a hub id. Of several processes
    the first alone compares the files with `revision`.
    """
    folder = Path(model).is_dir()
    if not folder:
        ask_once()
    looks_local = model.count("/") != 1 or model.startswith(("models/", "."))
    config = Path(model, "config.json")
    if Path(model, ADAPTER).is_file():
        raise UserError(
            f"{model}: holds an adapter ({ADAPTER}), which would be loaded on top in "
            "silence; merge it (peft's merge_and_unload), save the whole model, and name that "
            "folder in base.model"
        )
    if (looks_local or pins_files(revision)) and not config.is_file():
        raise UserError(f"{model}: is not a model folder (config.json is missing)")
    if config.is_file() and not _is_object(config):
        raise UserError(f"{config}: is not a JSON object; copy the model again")
    if folder:
        check_files(Path(model))
    if folder and revision and model != OWN and os.environ.get("RANK", "0") == "0":
        check_pin(model, revision)


def check_files(folder: Path) -> None:
    """Raise UserError for files that are pointers to the real ones, and for pickles."""
    for path in sorted(path for path in folder.iterdir() if path.suffix in READ):
        with path.open("rb") as file:
            if file.read(len(POINTER)) == POINTER:
                raise UserError(
                    f"{path}: is a Git LFS pointer, not the file itself; run `git lfs pull` in the "
                    "repository that it is from"
                )
    if is_pickled(folder):
        raise UserError(
            f"{folder}: has its weights as pickles (pytorch_model.bin), which can run code; "
            f"`make base FROM='{folder}'` turns them into safetensors and runs none"
        )


def is_pickled(folder: Path) -> bool:
    """Tell whether a folder has its weights as pickles alone."""
    return any(folder.glob("pytorch_model*.bin")) and not any(folder.glob("*.safetensors"))


def check_pin(folder: str, revision: str) -> None:
    """Raise UserError where base.revision is not the hash of a folder's files."""
    if not pins_files(revision):
        raise UserError(
            f"{folder}: is a folder, and base.revision a commit of a hub; "
            f"`make base FROM='{folder}'` pins the folder, deleting it takes the hub's model"
        )
    if files_hash(folder) != revision:
        raise UserError(
            f"{folder}: holds other files than base.revision pins; bring back those, or take these "
            f"with `make base FROM='{folder}'`: train and answer run again"
        )


def pins_files(revision: str | None) -> bool:
    """Tell whether a revision is the hash of a folder's files, and no commit of a hub."""
    return len(revision or "") == 64


@cache
def files_hash(folder: str) -> str:
    """Return the sha256 that identifies the model of a folder.

    It covers the names and hashes of weights, settings, tokenizer and chat templates; card, license
    and hidden files may change.
    """
    root = Path(folder)
    paths = [*root.glob("*"), *root.glob("additional_chat_templates/*")]
    files = sorted(path for path in paths if path.is_file() and path.suffix in READ)
    named = [f"{path.relative_to(root).as_posix()} {sha256(path)}\n" for path in files]
    return hashlib.sha256("".join(named).encode()).hexdigest()


def _is_object(path: Path) -> bool:
    """Tell whether a file is a JSON object."""
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except ValueError:
        return False


def identity(model: str, revision: str | None = None) -> str:
    """Return what identifies a model: the hashes of a folder's files, or its name and revision."""
    files = sorted(path for path in Path(model).rglob("*") if path.is_file() and not revision)
    named = [f"{path.relative_to(model)} {sha256(path)}" for path in files]
    return ",".join(named) or f"{model}@{revision}"
