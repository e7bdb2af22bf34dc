"""Whether base, tokenizer, licence and params go together; asked before the base is loaded."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from lib.errors import UserError
from lib.params.base import BaseParams
from lib.params.train import TrainParams

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

NON_COMMERCIAL = re.compile(r"\b(nc|non-?commercial|research)\b", re.IGNORECASE)
CARD_LICENCE = re.compile(r"\A---\n(?:.*\n)*?license: *(\S+)")


def check_tokenizer(
    tokenizer: "PreTrainedTokenizerBase", config: "PretrainedConfig", params: TrainParams
) -> None:
    """Raise UserError when the tokenizer is another family's, or the params ask for too much."""
    text = config.get_text_config()
    if len(tokenizer) > text.vocab_size:
        raise UserError(
            f"base: its tokenizer has {len(tokenizer)} tokens, the model only {text.vocab_size}; "
            "they are not of one family: take both from the same base"
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


def check_licence(base: BaseParams) -> None:
    """Raise UserError when the licence forbids the declared use, or is not the one of the card."""
    if base.use == "commercial" and NON_COMMERCIAL.search(base.licence.replace("_", "-")):
        raise UserError(
            f"params.yaml: base.licence {base.licence} allows no commercial use; set base.use to "
            "research, or choose another base"
        )
    card = Path(base.model, "README.md")
    found = CARD_LICENCE.match(card.read_text(encoding="utf-8")) if card.is_file() else None
    if found and found[1].casefold() != base.licence.casefold():
        raise UserError(
            f"params.yaml: base.licence is {base.licence}, {card} says {found[1]}; correct one"
        )
