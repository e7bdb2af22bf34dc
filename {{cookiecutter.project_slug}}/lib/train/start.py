"""What the base must be for a training to begin, and what of it a training must not change."""

from typing import TYPE_CHECKING, Any

from lib.model.chat import Example
from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

_SHORT = 1e-3  # of the median length of a row of the embedding: what training never touched


def check_plain(config: "PretrainedConfig", model: str) -> None:
    """Raise UserError for a base whose weights are quantized: no update fits into them."""
    packing = getattr(config, "quantization_config", None)
    if packing:
        given = packing if isinstance(packing, dict) else packing.to_dict()
        raise UserError(
            f"{model}: its weights are quantized ({given.get('quant_method')}), and cannot be "
            "trained; name the plain weights it was made from in base.model (train.method qlora "
            "quantizes them itself)"
        )


def settings_of(model: "PreTrainedModel") -> dict[str, Any]:
    """Return the plain settings of a model, of which trainers change some (a router's output)."""
    values = vars(model.config.get_text_config())
    return {name: value for name, value in values.items() if isinstance(value, bool | int | float)}


def restore(model: "PreTrainedModel", settings: dict[str, Any]) -> None:
    """Set a model's settings back to those it began with."""
    text = model.config.get_text_config()
    for name, value in settings.items():
        if getattr(text, name) != value:
            setattr(text, name, value)


def check_turn_tokens(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    stops: set[int],
    examples: list[Example],
) -> None:
    """Raise UserError where a special token of the chats was never trained.

    Its row of the embedding is zero, or that of another one; adapters learn no row, so the model
    would not know where a turn begins, nor ever end one.
    """
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder, *stops}
    used = special.intersection(token for one in examples for token in one.input_ids)
    learnt = stops.intersection(label for one in examples for label in one.labels)
    used -= {tokenizer.pad_token_id}  # read by nobody; where it ends answers, its other row counts
    wanted = [(model.get_input_embeddings(), used), (model.get_output_embeddings(), learnt)]
    blank = [one for layer, ids in wanted for one in untrained(layer.weight, sorted(ids))]
    if blank:
        names = ", ".join(sorted({str(tokenizer.decode([one])) for one in blank}))
        raise UserError(
            f"base: never learnt {names}, which the chat template writes (rows of its embedding "
            "are zero, or the same), and adapters train no row; set train.method to full "
            "(train.preference.weights of dpo and kto), or take the base's instruct version"
        )


def untrained(rows: "Tensor", ids: list[int]) -> list[int]:
    """Return those of `ids` whose row is next to nothing, or equal to that of another one.

    rows: (vocabulary, hidden).
    """
    lengths = rows.detach().float().norm(dim=1)
    least = _SHORT * float(lengths.median())
    found = {one for one in ids if float(lengths[one]) <= least}
    for at, one in enumerate(ids):
        found |= {one for other in ids[:at] if bool((rows[one] == rows[other]).all())}
    return sorted(found)
