"""What is refused before the base is loaded."""

import pytest
from transformers import AutoConfig, PretrainedConfig

from lib.model.chat import Example
from lib.model.loading import load_tokenizer
from lib.runtime.errors import UserError
from lib.train.params import TrainParams
from lib.train.preflight import check_ids, check_tokenizer
from tests.toy import train_params


@pytest.fixture
def config() -> PretrainedConfig:
    return AutoConfig.from_pretrained("base")


def params(**changes: object) -> TrainParams:
    return train_params("full").model_copy(update=changes)


def test_the_base_s_own_tokenizer_fits(config: PretrainedConfig) -> None:
    tokenizer = load_tokenizer("base")
    check_tokenizer(tokenizer, config, {2}, params())
    check_ids(tokenizer, config, [Example([5, 6143], [5, 6143])])


@pytest.mark.parametrize(("known", "ends"), [(9, {2}), ([2, 9], set()), (None, set())])
def test_one_of_the_model_s_ends_is_enough(
    known: int, ends: set[int], config: PretrainedConfig
) -> None:
    config.eos_token_id = known
    check_tokenizer(load_tokenizer("base"), config, ends, params())


def test_a_tokenizer_that_ends_a_text_otherwise_is_refused(config: PretrainedConfig) -> None:
    config.eos_token_id = 7
    with pytest.raises(UserError, match=r"<\|im_end\|> \(2\), the model with \[7, 9\]"):
        check_tokenizer(load_tokenizer("base"), config, {9}, params())


def test_a_token_that_the_model_does_not_know_is_refused(config: PretrainedConfig) -> None:
    tokenizer, example = load_tokenizer("base"), Example([5, 6144], [5, 6144])
    with pytest.raises(UserError, match="gives token 6144, the model knows 6144"):
        check_ids(tokenizer, config, [example])


def test_tokens_that_no_text_uses_do_no_harm(config: PretrainedConfig) -> None:
    config.vocab_size = 100
    check_ids(load_tokenizer("base"), config, [Example([5, 99], [5, 99])])


def test_records_longer_than_the_base_reads_are_refused(config: PretrainedConfig) -> None:
    with pytest.raises(UserError, match="max_length is 2048, the base reads at most 1024"):
        check_tokenizer(load_tokenizer("base"), config, {2}, params(max_length=2048))


def test_word_dropout_needs_a_padding_token_of_its_own(config: PretrainedConfig) -> None:
    tokenizer = load_tokenizer("base")
    tokenizer.pad_token = tokenizer.eos_token
    with pytest.raises(UserError, match="also ends a text"):
        check_tokenizer(tokenizer, config, {2}, params(word_dropout=0.1))
