"""Whether base, tokenizer and params go together; asked before the base is loaded."""

from typing import TYPE_CHECKING

from lib.model.chat import Example
from lib.model.loading import id_set
from lib.runtime.errors import UserError
from lib.train.params import TrainParams

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase


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
