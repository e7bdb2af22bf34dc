"""A scheme is made as the layers of a base allow it."""

import pytest
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PreTrainedModel

from lib.quantize.shape import can_smooth, check_loss, group_size, linear
from lib.runtime.errors import UserError


def model_of(family: str, hidden: int, inner: int) -> PreTrainedModel:
    config = CONFIG_MAPPING[family](
        hidden_size=hidden, intermediate_size=inner, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, head_dim=hidden // 2, vocab_size=64, pad_token_id=0,
    )  # fmt: skip
    return AutoModelForCausalLM.from_config(config)


@pytest.mark.parametrize(
    ("hidden", "inner", "size"), [(256, 512, 128), (576, 1536, 64), (96, 160, 32), (40, 80, None)]
)
def test_a_group_divides_the_columns_of_all_layers(
    hidden: int, inner: int, size: int | None
) -> None:
    assert group_size(model_of("llama", hidden, inner)) == size


@pytest.mark.parametrize(("family", "can"), [("llama", True), ("gemma3_text", False)])
def test_norms_that_add_one_to_their_weight_are_not_smoothed(family: str, can: bool) -> None:
    assert can_smooth(model_of(family, 64, 64)) is can


def test_a_model_without_linear_layers_is_refused() -> None:
    config = CONFIG_MAPPING["gpt2"](n_embd=32, n_layer=1, n_head=2, vocab_size=64)
    with pytest.raises(UserError, match="GPT2LMHeadModel has no linear layer"):
        linear(AutoModelForCausalLM.from_config(config))


@pytest.mark.parametrize(("after", "error"), [(4.1, 0.1), (2.0, 0.8), (float("nan"), 0.1)])
def test_a_model_that_is_destroyed_is_refused(after: float, error: float) -> None:
    figures = {"perplexity_tuned": 2.0, "perplexity_quantized": 2.1, "layer_error_max": 0.1}
    check_loss("w4a16", figures)
    with pytest.raises(UserError, match=r"w4a16 destroys this model"):
        check_loss("w4a16", figures | {"perplexity_quantized": after, "layer_error_max": error})
