"""What is refused before the base is loaded."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig, PretrainedConfig

from lib.core.params import BaseParams
from lib.model.chat import Example
from lib.model.loading import load_tokenizer
from lib.runtime.errors import UserError
from lib.train.params import TrainParams
from lib.train.preflight import card_of, check_ids, check_license, check_tokenizer
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


def licensed(license: str, model: str = "org/model", use: str = "commercial") -> BaseParams:
    return BaseParams.model_construct(model=model, revision=None, license=license, use=use)


@pytest.mark.parametrize("license", ["CC-BY-NC-4.0", "cc_by_nc_4.0", "Mistral Research License"])
def test_a_license_without_commercial_use_is_refused(license: str) -> None:
    with pytest.raises(UserError, match="allows no commercial use"):
        check_license(licensed(license), {})
    check_license(licensed(license, use="research"), {})


@pytest.mark.parametrize("license", ["Apache-2.0", "MIT", "Llama 3.2 Community", "Gemma"])
def test_other_licenses_pass(license: str) -> None:
    check_license(licensed(license), {})


def card(folder: Path, *lines: str) -> dict[str, Any]:
    """What a card with these lines of front matter declares."""
    text = "\n".join(["---", "tags: []", *lines, "---", "", "# Model"])
    (folder / "README.md").write_text(text, encoding="utf-8")
    return card_of(licensed("", str(folder)))


@pytest.mark.parametrize(
    ("license", "lines"),
    [
        ("MIT", ["license: 'mit'"]),
        ("Llama 3.2 Community", ["license: llama3.2"]),
        ("Qwen Research", ["license: other", "license_name: qwen-research"]),
        ("Something", ["license: other"]),
        ("MIT", ["license: [apache-2.0, mit]"]),
        ("MIT", []),
        ("MIT", ["license: ["]),
    ],
)
def test_the_card_s_license_is_read_as_it_is_meant(
    license: str, lines: list[str], tmp_path: Path
) -> None:
    check_license(licensed(license, use="research"), card(tmp_path, *lines))


def test_a_license_other_than_the_card_s_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is Apache-2\.0, the card of org/model says mit"):
        check_license(licensed("Apache-2.0"), card(tmp_path, "license: mit"))
    research = card(tmp_path, "license: other", "license_name: qwen-research")
    with pytest.raises(UserError, match="says qwen-research"):
        check_license(licensed("Apache-2.0"), research)
    with pytest.raises(UserError, match="other, which is no license"):
        check_license(licensed("other"), research)


def test_the_card_of_a_hub_id_is_the_one_in_the_cache(tmp_path: Path) -> None:
    commit = "0123456789" * 4
    folder = tmp_path / f"hub/models--org--name/snapshots/{commit}"
    folder.mkdir(parents=True)
    card(folder, "license: cc-by-nc-4.0")
    asked = f"BaseParams(model='org/name', revision='{commit}', license='MIT')"
    code = f"from lib.train.preflight import *; print(card_of({asked}).get('license'))"
    env = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "cc-by-nc-4.0\n"
