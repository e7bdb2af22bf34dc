"""Check that the base can be trained, and restore settings that training changes."""

from typing import TYPE_CHECKING, Any

from lib.model.chat import Example
from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

_SHORT = 1e-3  # share of the median norm of an embedding row: below it a row was never trained


def check_plain(config: "PretrainedConfig", model: str) -> None:
    """Raise UserError for a base with quantized weights, which cannot be updated."""
    packing = getattr(config, "quantization_config", None)
    if packing:
        given = packing if isinstance(packing, dict) else packing.to_dict()
        raise UserError(
            f"{model}: its weights are quantized ({given.get('quant_method')}), and cannot be "
            "trained; set base.model to the unquantized model it was made from (train.method qlora "
            "quantizes them itself)"
        )


def settings_of(model: "PreTrainedModel") -> dict[str, Any]:
    """Return the settings of a model; trainers change some (a router's output)."""
    values = vars(model.config.get_text_config())
    return {name: value for name, value in values.items() if isinstance(value, bool | int | float)}


def restore(model: "PreTrainedModel", settings: dict[str, Any]) -> None:
    """Restore a model's settings."""
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
    """Raise UserError if a special token of the chats was never trained.

    Its embedding row is zero or equals another one; adapters do not train embeddings, so the model
    would neither recognize the start of a turn nor end one.
    """
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder, *stops}
    used = special.intersection(token for one in examples for token in one.input_ids)
    learnt = stops.intersection(label for one in examples for label in one.labels)
    used -= {tokenizer.pad_token_id}  # not an input; where it ends answers, its output row counts
    wanted = [(model.get_input_embeddings(), used), (model.get_output_embeddings(), learnt)]
    blank = [one for layer, ids in wanted for one in untrained(layer.weight, sorted(ids))]
    if blank:
        names = ", ".join(sorted({str(tokenizer.decode([one])) for one in blank}))
        raise UserError(
            f"base: was never trained on {names}, which the chat template uses (their embeddings "
            "are zero or equal), and adapters do not train embeddings; set train.method to full "
            "(for dpo and kto train.preference.weights), or use the base's instruct version"
        )


def untrained(rows: "Tensor", ids: list[int]) -> list[int]:
    """Return those of `ids` whose embedding row is nearly zero or equal to another one.

    rows: (vocabulary, hidden).
    """
    lengths = rows.detach().float().norm(dim=1)
    least = _SHORT * float(lengths.median())
    found = {one for one in ids if float(lengths[one]) <= least}
    for at, one in enumerate(ids):
        found |= {one for other in ids[:at] if bool((rows[one] == rows[other]).all())}
    return sorted(found)
