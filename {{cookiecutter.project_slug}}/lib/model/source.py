"""Identify the files of a model folder, and check them against the pin in params.yaml."""

import hashlib
import json
import os
from functools import cache
from pathlib import Path

from lib.runtime.errors import UserError
from lib.runtime.files import sha256
from lib.runtime.hub import ask_once

OWN = "base"  # the folder of this project that DVC tracks; any other is pinned by its hash
ADAPTER = "adapter_config.json"
POINTER = b"version https://git-lfs"  # what a checkout without Git LFS has instead of a file
READ = {".json", ".safetensors", ".model", ".txt", ".tiktoken", ".jinja"}  # files of a model


def check_folder(model: str, revision: str | None = None) -> None:
    """Raise UserError where a model's path is not a model folder, or not the pinned one.

    A path that looks like a folder but does not exist would be taken for a hub id. Of several
    processes, only the first compares the files with `revision`.
    """
    folder = Path(model).is_dir()
    if not folder:
        ask_once()
    looks_local = model.count("/") != 1 or model.startswith(("models/", "."))
    config = Path(model, "config.json")
    if Path(model, ADAPTER).is_file():
        raise UserError(
            f"{model}: holds an adapter ({ADAPTER}), which would be loaded on top silently; merge "
            "it (peft's merge_and_unload), save the whole model, and name that "
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
            f"{folder}: is a folder, but base.revision is a commit of a hub; `make base "
            f"FROM='{folder}'` pins the folder, deleting it selects the hub's model"
        )
    if files_hash(folder) != revision:
        raise UserError(
            f"{folder}: has other files than those pinned by base.revision; restore them, or pin "
            f"these with `make base FROM='{folder}'`: train and answer then run again"
        )


def pins_files(revision: str | None) -> bool:
    """Tell whether a revision is the hash of a folder's files, not a commit of a hub."""
    return len(revision or "") == 64


@cache
def files_hash(folder: str) -> str:
    """Return the SHA-256 that identifies the model in a folder.

    It covers names and contents of weights, settings, tokenizer and chat templates; card, license
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
    """Return a model's identity: the hash of a folder's files, or name and revision."""
    files = sorted(path for path in Path(model).rglob("*") if path.is_file() and not revision)
    named = [f"{path.relative_to(model)} {sha256(path)}" for path in files]
    return ",".join(named) or f"{model}@{revision}"
