"""Whether a model is one that writes answers, and what of its files is not used."""

import os
from functools import cache
from typing import TYPE_CHECKING

from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

# How transformers names classes that predict the next token, also of models that see pictures.
_WRITERS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "WithLMHead")
_SHOWN = 3


def check_causal(config: "PretrainedConfig", model: str) -> None:
    """Raise UserError for a model that writes no answers.

    transformers would load an encoder, a classifier or a model of embeddings as one that does, with
    weights of theirs left out.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    names: list[str] = config.architectures or []
    known = config.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    pair = getattr(config, "is_encoder_decoder", False)
    if known and not pair and (not names or any(name.endswith(_WRITERS) for name in names)):
        return
    raise UserError(
        f"{model}: config.json says {', '.join(names) or config.model_type}, which is no causal "
        "language model of transformers; take one whose architecture ends in ForCausalLM, such as "
        "the instruct model that it was made from"
    )


@cache
def tell_unused(model: str, names: tuple[str, ...]) -> None:
    """Print, once, which weights of a model's files its configuration has no place for."""
    if names and os.environ.get("RANK", "0") == "0":
        more = ", ..." if len(names) > _SHOWN else ""
        print(
            f"{model}: {len(names)} weights of its files are not used, as config.json describes no "
            f"such parts: {', '.join(names[:_SHOWN])}{more}"
        )


def settle_ties(loaded: "PreTrainedModel") -> None:
    """Have a model's configuration say whether its output weights are those of its input.

    Where it says so over files that hold two, transformers keeps both; vLLM and llama.cpp would
    take one for the other in what is saved with such a configuration.
    """
    text, head = loaded.config.get_text_config(), loaded.get_output_embeddings()
    tied = getattr(text, "tie_word_embeddings", False) and head is not None
    if tied and head.weight is not loaded.get_input_embeddings().weight:
        text.tie_word_embeddings = loaded.config.tie_word_embeddings = False
