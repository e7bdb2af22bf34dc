"""All linear layers get an adapter, whatever the family; what gets none is told."""

from typing import Any

import pytest
import torch
from peft import get_peft_model
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PreTrainedModel

from lib.train.adapters import lora_config
from lib.train.model_shape import linear_sizes
from lib.train.targets import chosen_layers, left_out
from tests.toy import train_params

B = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 64,
}  # fmt: skip
GLM = {
    "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16,
    "n_shared_experts": 1, "first_k_dense_replace": 1,
}  # fmt: skip
MAMBA = {
    "mamba_d_ssm": 64, "mamba_n_heads": 4, "mamba_d_head": 16, "mamba_n_groups": 1,
    "mamba_d_state": 8,
}  # fmt: skip
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": B,
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "vocab_size": 64},
    "glm4_moe": B | GLM,
    "mixtral": B | {"num_local_experts": 4},
    "falcon_h1": B | MAMBA,
}


def model_of(family: str) -> PreTrainedModel:
    ends = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    config = CONFIG_MAPPING[family](**FAMILIES[family], **ends)
    return AutoModelForCausalLM.from_config(config)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer_that_is_counted_gets_an_adapter_and_no_other(family: str) -> None:
    model, params = model_of(family), train_params("lora").lora
    params = params.model_copy(update={"dropout": 0.0})
    wanted = {f"base_model.model.{name}" for name in chosen_layers(model, "all-linear")}
    weights = params.rank * sum(map(sum, linear_sizes(model, "all-linear")))
    adapted = get_peft_model(model, lora_config(params, model))
    found = {name for name, one in adapted.named_modules() if getattr(one, "lora_A", None)}
    assert found == wanted
    assert adapted.get_nb_trainable_parameters()[0] == weights


@pytest.mark.parametrize(
    ("family", "told"),
    [("llama", ""), ("glm4_moe", "experts, shared and dense"), ("falcon_h1", "out_proj")],
)
def test_what_gets_none_is_told(family: str, told: str) -> None:
    assert told in "; ".join(left_out(model_of(family), "all-linear"))


def test_a_model_with_eyes_learns_where_it_reads() -> None:
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration

    config = Gemma3Config(
        text_config=B | {"pad_token_id": 0},
        vision_config={"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
                       "intermediate_size": 32, "image_size": 28, "patch_size": 14},
        mm_tokens_per_image=4,
    )  # fmt: skip
    with torch.device("meta"):
        model = Gemma3ForConditionalGeneration(config)
    assert all("language_model" in name for name in chosen_layers(model, "all-linear"))
    assert left_out(model, "all-linear") == ["vision and audio parts"]
