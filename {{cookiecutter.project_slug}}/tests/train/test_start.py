"""What is refused of a base before the first step, and what a training leaves as it was."""

from types import SimpleNamespace

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    MixtralConfig,
    TrainerControl,
    TrainerState,
)

from lib.model.chat import Example
from lib.model.loading import config_ends
from lib.runtime.errors import UserError
from lib.train.callbacks import stop_at_nan
from lib.train.start import check_plain, check_turn_tokens, restore, settings_of


def test_a_quantized_base_is_refused() -> None:
    config = AutoConfig.from_pretrained("base")
    check_plain(config, "base")
    config.quantization_config = {"quant_method": "fp8"}
    with pytest.raises(
        UserError, match=r"base: its weights are quantized \(fp8\).*unquantized model"
    ):
        check_plain(config, "base")


@pytest.mark.parametrize("how", ["zero", "same"])
def test_a_turn_token_that_was_never_learnt_is_refused(how: str) -> None:
    model, tokenizer = (
        AutoModelForCausalLM.from_pretrained("base"),
        AutoTokenizer.from_pretrained("base"),
    )
    example = Example([1, 9, 10, 2], [-100, -100, 10, 2])
    check_turn_tokens(model, tokenizer, {2}, [example])
    with torch.no_grad():
        rows = model.get_input_embeddings().weight
        rows[2] = rows[1] if how == "same" else 0
    with pytest.raises(
        UserError, match=r"was never trained on .*<\|im_end\|>.* set train.method to full"
    ):
        check_turn_tokens(model, tokenizer, {2}, [example])


def test_settings_are_set_back() -> None:
    config = MixtralConfig(
        hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, num_local_experts=2, vocab_size=64,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config)
    before = settings_of(model)
    model.config.output_router_logits = True
    restore(model, before)
    assert model.config.output_router_logits is False


def test_a_composite_configuration_ends_a_text_as_its_text_model_does() -> None:
    from transformers import Qwen3_5Config

    assert config_ends(Qwen3_5Config(text_config={"eos_token_id": 7})) == {7}


def test_a_base_whose_weights_are_no_numbers_is_not_blamed_on_the_learning_rate() -> None:
    state, control = TrainerState(global_step=0), TrainerControl()
    arguments = SimpleNamespace(output_dir="checkpoints")
    with pytest.raises(UserError, match=r"before the first step: the base's weights hold"):
        stop_at_nan().on_log(arguments, state, control, logs={"eval_loss": float("nan")})
