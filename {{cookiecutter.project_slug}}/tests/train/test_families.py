"""A family trains, goes on after a kill and is quantized, or is refused before it trains.

Some kinds here; `python -m tests.family_table` takes every family through every stage.
"""

from pathlib import Path

import pytest

from lib.model.loading import load_model
from lib.model.quantizable import check_quantizable
from lib.runtime.errors import UserError
from lib.train.checkpoints import read_weights
from tests.families import FAMILIES, config_of, tokenizer_of
from tests.family_table import lay_project, params, quantize, resume, stage, train

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_mixture_of_experts_goes_on_with_the_experts_it_had_learnt() -> None:
    """Their names in a checkpoint are others than in memory."""
    lay_project("Qwen3 MoE")
    train("full")
    resume("full")


def test_a_checkpoint_that_lacks_a_weight_is_no_checkpoint() -> None:
    lay_project("Mamba 2")
    model = load_model("base", "float32")
    del model.backbone.norm_f
    model.save_pretrained("cut")
    with pytest.raises(UserError, match="its files lack weights"):
        read_weights(load_model("base", "float32"), "cut")


def test_what_has_eyes_is_quantized_where_it_reads() -> None:
    lay_project("Gemma 3, multimodal")
    train("lora")
    quantize("fp8")


@pytest.mark.parametrize(
    ("name", "scheme", "cure"),
    [
        ("GPT-2", "fp8", "none"),
        ("Mamba 2", "w4a16", "fp8, w8a8 or none"),
        ("Mixtral", "w4a16", "none"),
        ("gpt-oss", "fp8", "none"),
        ("DeepSeek-V3", "w8a8", "fp8 or none"),
        ("DeepSeek-V3", "int8", "nf4, fp8 or none"),
    ],
)
def test_a_scheme_that_a_family_does_not_take_is_refused_before_training(
    name: str, scheme: str, cure: str
) -> None:
    lay_project(name)
    Path("params.yaml").write_text(params("lora", scheme), encoding="utf-8")
    with pytest.raises(UserError, match=f"quantize.scheme is {scheme}.*; set it to {cure}; "):
        stage("train")
    assert not Path(".scratch").exists()


@pytest.mark.parametrize("name", ["Llama 3", "Granite hybrid", "Gemma 3, multimodal", "Cohere"])
def test_dense_families_take_every_scheme(name: str) -> None:
    config = config_of(FAMILIES[name], tokenizer_of(FAMILIES[name]))
    for scheme in ("w4a16", "w8a8", "fp8", "awq", "nf4", "q8_0", None):
        check_quantizable(scheme, config)
