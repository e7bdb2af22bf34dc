"""A model loads whole or not at all, and is known by what its folder says."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lib.model.loading import deterministic, load_config, load_model, load_tokenizer, stop_tokens
from lib.runtime.errors import UserError, run
from tests.toy import CPU


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A copy of the base."""
    return str(shutil.copytree("base", tmp_path / "model"))


def change(model: str, name: str, **changes: Any) -> None:
    """Give keys of one of its JSON files other values."""
    path = Path(model, name)
    path.write_text(json.dumps(json.loads(path.read_bytes()) | changes), encoding="utf-8")


def test_weights_that_are_missing_are_not_drawn_at_random(model: str) -> None:
    change(model, "config.json", num_hidden_layers=4, layer_types=["full_attention"] * 4)
    with pytest.raises(UserError, match=r"lack weights, .* for 11 parts .* model\.layers\.3\."):
        load_model(model, "float32")


def test_weights_of_another_size_are_one_line(model: str) -> None:
    change(model, "config.json", intermediate_size=520)
    with pytest.raises(
        UserError, match=r"in another size, for .*: model\.layers\.0\.mlp\.down_proj"
    ):
        load_model(model, "float32")


@pytest.mark.parametrize(
    "name", ["Qwen3ForSequenceClassification", "Qwen3Model", "BertForMaskedLM", "T5EncoderModel"]
)
def test_what_writes_no_answers_is_refused(name: str, model: str) -> None:
    change(model, "config.json", architectures=[name])
    with pytest.raises(UserError, match=f"says {name}, which is not a causal language model"):
        load_config(model)


@pytest.mark.parametrize("kind", ["t5", "bart", "bert"])
def test_an_encoder_is_refused_by_its_kind(kind: str, model: str) -> None:
    name = {"t5": "T5ForConditionalGeneration", "bart": "BartForConditionalGeneration"}
    change(model, "config.json", model_type=kind, architectures=[name.get(kind, "BertModel")])
    with pytest.raises(UserError, match="is not a causal language model"):
        load_config(model)


def test_attention_of_a_missing_package_is_one_line(model: str) -> None:
    change(model, "config.json", _attn_implementation="flash_attention_2")
    with pytest.raises(UserError, match=r"asks for flash_attention_2 .* delete that key"):
        load_config(model)


def test_weights_that_are_not_used_are_named(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(model, "config.json", num_hidden_layers=2, layer_types=["full_attention"] * 2)
    load_model(model, "float32")
    assert f"{model}: 11 weights of its files are not used" in capsys.readouterr().out


def test_output_weights_beside_tied_ones_stay_apart_when_saved(model: str, tmp_path: Path) -> None:
    path = Path(model, "model.safetensors")
    weights = load_file(path)
    weights["lm_head.weight"] = 2 * weights["model.embed_tokens.weight"]
    save_file(weights, path, {"format": "pt"})
    load_model(model, "float32").save_pretrained(tmp_path / "saved")
    assert json.loads((tmp_path / "saved/config.json").read_bytes())["tie_word_embeddings"] is False


@pytest.mark.parametrize("text", ["{}", "", '{"added_tokens": []}', '{"version": "1.0"'])
def test_a_tokenizer_that_is_cut_off_is_one_line(text: str, model: str) -> None:
    Path(model, "tokenizer.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="whether all of its files are whole"):
        load_tokenizer(model)


@pytest.mark.parametrize("text", ["[]", "{"])
def test_a_configuration_that_is_none_is_one_line(text: str, model: str) -> None:
    Path(model, "config.json").write_text(text, encoding="utf-8")
    for load in (load_config, load_tokenizer):
        with pytest.raises(UserError, match=r"config\.json: is not a JSON object"):
            load(model)


def test_a_tokenizer_without_an_end_is_refused(model: str) -> None:
    change(model, "tokenizer_config.json", eos_token=None)
    with pytest.raises(UserError, match="has no end token"):
        load_tokenizer(model)


def test_not_every_model_has_a_generation_config(model: str) -> None:
    Path(model, "generation_config.json").unlink()
    assert stop_tokens(load_tokenizer(model), model) == {2}


def test_a_generation_config_that_cannot_be_read_is_not_taken_for_none(model: str) -> None:
    Path(model, "generation_config.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="not a valid JSON file"):
        stop_tokens(load_tokenizer(model), model)


def test_a_kernel_without_a_fixed_order_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise RuntimeError(
            "histc_cuda does not have a deterministic implementation, but you set 'torch.use_de..."
        )

    with pytest.raises(SystemExit):
        run(main, arguments=True)  # those of pytest
    assert capsys.readouterr().err == (
        "histc_cuda does not have a deterministic implementation here; set "
        "hardware.deterministic to false\n"
    )


@pytest.mark.parametrize("wanted", [True, False])
def test_kernels_are_held_to_a_fixed_order_unless_params_say_otherwise(wanted: bool) -> None:
    deterministic(1, CPU.model_copy(update={"deterministic": wanted}))
    assert torch.are_deterministic_algorithms_enabled() == wanted
    # where torch only warns, attention on a GPU takes kernels without a fixed order
    assert not torch.is_deterministic_algorithms_warn_only_enabled()
    deterministic(1, CPU)
