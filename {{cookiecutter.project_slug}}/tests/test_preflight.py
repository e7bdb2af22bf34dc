"""What is refused before the base is loaded."""

from pathlib import Path

import pytest
from transformers import AutoConfig, PretrainedConfig

from lib.errors import UserError
from lib.models import load_tokenizer
from lib.params.base import BaseParams
from lib.params.train import TrainParams
from lib.training.preflight import check_licence, check_tokenizer
from tests.toy import train_params


@pytest.fixture
def config() -> PretrainedConfig:
    return AutoConfig.from_pretrained("base")


def params(**changes: object) -> TrainParams:
    return train_params("full").model_copy(update=changes)


def test_the_base_s_own_tokenizer_fits(config: PretrainedConfig) -> None:
    check_tokenizer(load_tokenizer("base"), config, params())


def test_a_tokenizer_of_another_family_is_refused(config: PretrainedConfig) -> None:
    config.vocab_size = 100
    with pytest.raises(UserError, match=r"tokens, the model only 100; they are not of one family"):
        check_tokenizer(load_tokenizer("base"), config, params())


def test_records_longer_than_the_base_reads_are_refused(config: PretrainedConfig) -> None:
    with pytest.raises(UserError, match="max_length is 2048, the base reads at most 1024"):
        check_tokenizer(load_tokenizer("base"), config, params(max_length=2048))


def test_word_dropout_needs_a_padding_token_of_its_own(config: PretrainedConfig) -> None:
    tokenizer = load_tokenizer("base")
    tokenizer.pad_token = tokenizer.eos_token
    with pytest.raises(UserError, match="also ends a text"):
        check_tokenizer(tokenizer, config, params(word_dropout=0.1))


def licensed(licence: str, folder: str = "org/model", use: str = "commercial") -> BaseParams:
    return BaseParams.model_construct(model=folder, licence=licence, use=use)


@pytest.mark.parametrize("licence", ["CC-BY-NC-4.0", "cc_by_nc_4.0", "Mistral Research Licence"])
def test_a_licence_without_commercial_use_is_refused(licence: str) -> None:
    with pytest.raises(UserError, match="allows no commercial use"):
        check_licence(licensed(licence))
    check_licence(licensed(licence, use="research"))


@pytest.mark.parametrize("licence", ["Apache-2.0", "MIT", "Llama 3.2 Community", "Gemma"])
def test_other_licences_pass(licence: str) -> None:
    check_licence(licensed(licence))


def test_a_licence_other_than_the_card_s_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\ntags: []\nlicense: mit\n---\n", encoding="utf-8")
    check_licence(licensed("MIT", str(tmp_path)))
    with pytest.raises(UserError, match=r"README\.md says mit"):
        check_licence(licensed("Apache-2.0", str(tmp_path)))
