"""Convert a GGUF file to a model folder: dequantized weights, tokenizer and chat template."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lib.bases.tokenizer import Fields, build
from lib.model.loading import load_model, make_readable
from lib.runtime.errors import UserError
from lib.runtime.files import atomic_folder

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel


def convert(path: Path, folder: Path, origin: str) -> None:
    """Write the model of a GGUF file to `folder`, in float32, which rounds nothing.

    `origin`: where the file is from, for the model card. The same file gives the same bytes. Raises
    UserError where transformers would load another model than the file's.
    """
    fields, tensors = _read(path)
    try:
        tokenizer = build(fields)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    if "rope_freqs.weight" in tensors or scaled(fields):
        raise UserError(
            f"{path}: it uses RoPE scaling, which transformers does not read from a GGUF; use the "
            "model's own folder or hub id"
        )
    model = _load(path, fields)
    model.hf_quantizer = None  # otherwise it cannot be saved
    for part in (model.config, model.generation_config):
        part.bos_token_id = tokenizer.bos_token_id
        part.eos_token_id = tokenizer.eos_token_id
        part.pad_token_id = tokenizer.pad_token_id
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    with atomic_folder(folder) as partial:
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        (partial / "README.md").write_text(card(fields, origin), encoding="utf-8")
        make_readable(partial)


def _read(path: Path) -> tuple[Fields, set[str]]:
    """Return the metadata of a GGUF file by key, and the names of its tensors."""
    from gguf import GGUFReader

    try:
        reader = GGUFReader(path)
        fields = {name: field.contents() for name, field in reader.fields.items()}
    except (OSError, ValueError, IndexError) as error:
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(
            f"{path}: is not a complete GGUF file ({said}); download it again"
        ) from None
    return fields, {tensor.name for tensor in reader.tensors}


def scaled(fields: Fields) -> bool:
    """Tell whether the model uses RoPE scaling."""
    kind = fields.get(f"{fields['general.architecture']}.rope.scaling.type", "none")
    return kind != "none"


def _load(path: Path, fields: Fields) -> "PreTrainedModel":
    """Load the weights, dequantized."""
    config = plain_config(path, fields)
    with (
        tempfile.TemporaryDirectory() as folder
    ):  # `load_model` needs a configuration in the same folder
        Path(folder, path.name).symlink_to(path.resolve())
        config.save_pretrained(folder)
        return load_model(folder, "float32", gguf_file=path.name, config=config)


def plain_config(path: Path, fields: Fields) -> "PretrainedConfig":
    """Return the configuration of a GGUF file, with head_dim, which transformers 5.17 omits."""
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(str(path.parent), gguf_file=path.name)
    except (OSError, ValueError) as error:
        said = str(error).splitlines()[0]
        raise UserError(f"{path}: {said}; use the model's own folder or hub id") from None
    head = fields.get(f"{fields['general.architecture']}.attention.key_length")
    if head:
        config.head_dim = head
    config.__dict__.pop("_model_name_or_path", None)
    return config


def card(fields: Fields, origin: str) -> str:
    """Return the folder's README.md, with the license and origin of the file."""
    license_id = fields.get("general.license")
    head = f"---\nlicense: {license_id}\n---\n\n" if license_id else ""
    name = fields.get("general.name", "A model")
    return f"{head}# {name}\n\nMade by `make base` from {origin}: the same numbers, as float32.\n"
