"""Check that a model is a causal language model, and report weights that are not used."""

import os
from functools import cache
from typing import TYPE_CHECKING

from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

# Suffixes of transformers' classes that predict the next token, also with images as input.
_WRITERS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "WithLMHead")
_SHOWN = 3


def check_causal(config: "PretrainedConfig", model: str) -> None:
    """Raise UserError for a model that cannot generate text.

    transformers would load an encoder, a classifier or an embedding model as a causal one and
    ignore the weights that do not fit.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    names: list[str] = config.architectures or []
    known = config.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    pair = getattr(config, "is_encoder_decoder", False)
    if known and not pair and (not names or any(name.endswith(_WRITERS) for name in names)):
        return
    raise UserError(
        f"{model}: config.json says {', '.join(names) or config.model_type}, which is not a "
        "causal language model of transformers; use one whose architecture ends in ForCausalLM, "
        "such as the instruct model that it was made from"
    )


@cache
def tell_unused(model: str, names: tuple[str, ...]) -> None:
    """Print, once per model, which weights of its files its configuration does not use."""
    if names and os.environ.get("RANK", "0") == "0":
        more = ", ..." if len(names) > _SHOWN else ""
        print(
            f"{model}: {len(names)} weights of its files are not used, because config.json "
            f"does not describe them: {', '.join(names[:_SHOWN])}{more}"
        )


def settle_ties(loaded: "PreTrainedModel") -> None:
    """Correct tie_word_embeddings in a model's configuration where the weights are not tied.

    If it claims that they are but the files have two, transformers keeps both; vLLM and llama.cpp
    would use one for both in a model saved with that configuration.
    """
    text, head = loaded.config.get_text_config(), loaded.get_output_embeddings()
    tied = getattr(text, "tie_word_embeddings", False) and head is not None
    if tied and head.weight is not loaded.get_input_embeddings().weight:
        text.tie_word_embeddings = loaded.config.tie_word_embeddings = False
