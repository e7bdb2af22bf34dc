"""Count the tokens of a text with the base model's tokenizer, without torch."""

from collections.abc import Callable
from pathlib import Path

from lib.core.params import BaseParams
from lib.runtime.errors import UserError
from lib.runtime.hub import ask_once, refusal

FILE = "tokenizer.json"


def token_counter(base: BaseParams) -> Callable[[str], int]:
    """Return a function that counts the tokens of a text, without special tokens.

    Raises UserError where the base has no usable tokenizer.json.
    """
    from tokenizers import Tokenizer

    path = tokenizer_file(base)
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises nothing more specific
        raise UserError(f"{path}: is not a tokenizer ({error}); download the file again") from None
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def tokenizer_file(base: BaseParams) -> Path:
    """Find the base's tokenizer.json in its folder, or get it from the hub (into the hub's cache).

    Raises UserError where it is missing.
    """
    if Path(base.model).is_dir():
        path = Path(base.model, FILE)
        if not path.is_file():
            raise UserError(f"{path}: not found; the base needs a fast tokenizer in this file")
        return path
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    ask_once()
    try:
        return Path(hf_hub_download(base.model, FILE, revision=base.revision))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise UserError(refusal(base.model, error)) from None
