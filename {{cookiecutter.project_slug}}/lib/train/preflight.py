"""Whether base, tokenizer, license and params go together; asked before the base is loaded."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lib.core.params import BaseParams
from lib.model.chat import Example
from lib.model.loading import id_set
from lib.report.model_card import hub_license
from lib.runtime.errors import UserError
from lib.runtime.hub import ask_once
from lib.train.params import TrainParams

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)^---\s*$", re.DOTALL | re.MULTILINE)
NON_COMMERCIAL = re.compile(r"\b(nc|non-?commercial|research)\b", re.IGNORECASE)


def check_tokenizer(
    tokenizer: "PreTrainedTokenizerBase",
    config: "PretrainedConfig",
    ends: set[int],
    params: TrainParams,
) -> None:
    """Raise UserError when the tokenizer ends a text as neither the configuration nor the
    generation config (`ends`) does, or the params ask for too much.

    Ids that open or pad a text are not compared: Qwen's configuration names an opening that its
    tokenizer does not have, and families pad with what they like.
    """
    text = config.get_text_config()
    known = ends | id_set(config.eos_token_id) | id_set(text.eos_token_id)
    if known and tokenizer.eos_token_id not in known:
        raise UserError(
            f"base: its tokenizer ends a text with {tokenizer.eos_token} ({tokenizer.eos_token_id})"
            f", the model with {sorted(known)}; they are not of one family: take both from the "
            "same base"
        )
    longest = getattr(text, "max_position_embeddings", None)
    if longest and params.max_length > longest:
        raise UserError(
            f"params.yaml: train.max_length is {params.max_length}, the base reads at most "
            f"{longest} tokens; lower it"
        )
    if params.word_dropout and tokenizer.pad_token_id == tokenizer.eos_token_id:
        raise UserError(
            "params.yaml: train.word_dropout blanks words with the padding token, which in this "
            "base also ends a text; set it to 0"
        )


def check_ids(
    tokenizer: "PreTrainedTokenizerBase", config: "PretrainedConfig", examples: list[Example]
) -> None:
    """Raise UserError when a text, or its padding, has a token that the model does not know. More
    tokens that no text uses do no harm: Gemma 3's has one for pictures in models without eyes."""
    size = config.get_text_config().vocab_size
    used = max(max(example.input_ids) for example in examples)
    highest = max(used, tokenizer.pad_token_id)
    if highest >= size:
        raise UserError(
            f"base: its tokenizer gives token {highest}, the model knows {size} of them; they are "
            "not of one family: take both from the same base"
        )


def card_of(base: BaseParams) -> dict[str, Any]:
    """What the base's own card declares; nothing where there is none, or the hub is out of reach
    and has not been asked before."""
    from huggingface_hub import hf_hub_download

    path = Path(base.model, "README.md")
    try:
        if not Path(base.model).is_dir():
            ask_once()
            path = Path(hf_hub_download(base.model, "README.md", revision=base.revision))
        head = FRONT_MATTER.match(path.read_text(encoding="utf-8"))
        declared = YAML(typ="safe").load(head[1]) if head else {}
    except (OSError, ValueError, YAMLError):
        return {}
    return declared if isinstance(declared, dict) else {}


def check_license(base: BaseParams, card: dict[str, Any]) -> None:
    """Raise UserError when the license forbids the declared use, or is not the one of the base's
    card."""
    if base.license.strip().casefold() == "other":
        raise UserError(
            "params.yaml: base.license is other, which is no license; name the one the base is "
            "under (license_name on its card)"
        )
    if base.use == "commercial" and NON_COMMERCIAL.search(base.license.replace("_", "-")):
        raise UserError(
            f"params.yaml: base.license {base.license} allows no commercial use; set base.use to "
            "research, or choose another base"
        )
    found = card.get("license")
    names = [card.get("license_name")] if found == "other" else [found]
    names = found if isinstance(found, list) else names  # YAML may hold several
    if any(names) and license_id(base.license) not in {license_id(str(one)) for one in names}:
        raise UserError(
            f"params.yaml: base.license is {base.license}, the card of {base.model} says "
            f"{', '.join(map(str, names))}; write that one, or take another base"
        )


def license_id(name: str) -> str:
    """One spelling of a license's name."""
    fields = hub_license(name)
    return fields.get("license_name", fields["license"])
