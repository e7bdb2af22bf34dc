"""Every scheme that needs no environment of its own, for real, on the embedded base."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from lib.core.params import BaseParams
from lib.core.records import write_records
from lib.engines import weights as read
from lib.engines.weights import load_weights, weights_size
from lib.model.chat import Example, encode_example
from lib.model.loading import QUANTIZED, TUNED, deterministic, load_model, load_tokenizer
from lib.quantize.calibration import TRAIN_SPLIT, draw_examples
from lib.quantize.measure import compare_models
from lib.quantize.params import QuantizeParams
from lib.runtime.errors import UserError
from lib.runtime.files import atomic_folder, write_json
from stages.quantize import quantize, read_back
from tests.toy import CPU, chat, pair

CHATS = [chat(f"票 {number}", "好") for number in range(9)]
BASE = BaseParams(model="base", license="Apache-2.0", dtype="float32")


def params(scheme: str) -> QuantizeParams:
    return QuantizeParams.model_validate({"scheme": scheme, "calibration_records": 4, "seed": 1})


@pytest.fixture
def tuned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project whose tuned model is the base."""
    shutil.copytree("base", tmp_path / TUNED)
    monkeypatch.chdir(tmp_path)
    deterministic(1, CPU)
    load_model(TUNED, "float32").save_pretrained(TUNED)
    write_records(TRAIN_SPLIT, [*CHATS, pair("a", "b", "c")])


@pytest.mark.parametrize("scheme", ["w4a16", "w8a8", "fp8"])
@pytest.mark.usefixtures("tuned")
def test_a_scheme_gives_a_smaller_model_that_answers_alike(scheme: str) -> None:
    with atomic_folder(QUANTIZED) as folder:
        quantize(params(scheme), BASE, CPU, "", folder)
    assert weights_size(QUANTIZED) < weights_size(TUNED)
    examples = draw_examples(TRAIN_SPLIT, 2, load_tokenizer(TUNED), "", params(scheme))
    figures = compare_models(
        load_model(TUNED, "float32"), load_weights(QUANTIZED, "float32", "cpu"), examples
    )
    assert 0 < figures["layer_error_max"] < 0.3
    assert len(figures["layer_error"]) == 3


def test_a_model_against_itself_has_no_error() -> None:
    model = load_model("base", "float32")
    examples = examples_of_base()
    figures = compare_models(model, model, examples)
    assert (figures["perplexity_delta"], figures["layer_error_max"]) == (0, 0)


def test_perplexity_counts_the_answer_alone() -> None:
    model = load_model("base", "float32")
    (example,) = examples_of_base()[:1]
    ids, labels = torch.tensor([example.input_ids]), torch.tensor([example.labels])
    with torch.inference_mode():
        expected = model(ids, labels=labels).loss.exp()
    found = compare_models(model, model, [example])["perplexity_tuned"]
    assert found == pytest.approx(float(expected), rel=1e-4)


def examples_of_base() -> list[Example]:
    tokenizer = load_tokenizer("base")
    return [encode_example(tokenizer, record["messages"], "") for record in CHATS[:2]]


@pytest.mark.usefixtures("tuned")
def test_no_scheme_is_the_same_model() -> None:
    with atomic_folder(QUANTIZED) as folder:
        quantize(params("none"), BASE, CPU, "", folder)
    examples = draw_examples(TRAIN_SPLIT, 2, load_tokenizer(TUNED), "", params("none"))
    figures = compare_models(
        load_model(TUNED, "float32"), load_weights(QUANTIZED, "float32", "cpu"), examples
    )
    assert (figures["perplexity_delta"], figures["layer_error_max"]) == (0, 0)


@pytest.mark.usefixtures("tuned")
def test_calibration_is_a_seeded_draw_of_whole_chats() -> None:
    tokenizer = load_tokenizer(TUNED)
    draws = [draw_examples(TRAIN_SPLIT, 20, tokenizer, "", params("w4a16")) for _ in range(2)]
    assert draws[0] == draws[1]
    assert len(draws[0]) == len(CHATS)


def test_weights_that_cannot_be_read_back_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object) -> None:
        raise AttributeError("'Linear' object has no attribute 'weight'\nmore")

    monkeypatch.setattr("stages.quantize.load_weights", load)
    base = BaseParams(model="base", license="MIT")
    with pytest.raises(
        UserError, match=r"this model in quantize.scheme 'w4a16' \(Attr.*'weight'\);"
    ):
        read_back("w4a16", base, "cpu")


@pytest.mark.usefixtures("tuned")
def test_calibration_takes_better_answers_where_there_are_only_pairs(tmp_path: Path) -> None:
    asked = "门锁坏了 🔒"
    pairs = [pair(asked, "a", "b"), pair(asked, "", "b")]  # of a single answer that was bad
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join(map(json.dumps, pairs)), encoding="utf-8")
    tokenizer = load_tokenizer(TUNED)
    (example,) = draw_examples(str(path), 9, tokenizer, "", params("w4a16"))
    assert "a" in tokenizer.decode(example.input_ids)


@pytest.mark.parametrize(
    ("scheme", "line"),
    [
        ("awq", "llm-compressor runs only on a GPU"),
        ("gptq", "`make gptqmodel` installs it"),
        ("q4_k_m", "`make llamacpp` builds it"),
    ],
)
@pytest.mark.usefixtures("tuned")
def test_what_is_missing_is_one_line_with_the_cure(
    scheme: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.engines.builds.LLAMACPP_HOME", tmp_path / "none")
    monkeypatch.setattr("lib.engines.builds.GPTQMODEL_HOME", tmp_path / "none")
    with pytest.raises(UserError, match=line):
        quantize(params(scheme), BASE, CPU, "", tmp_path)


def test_a_gptq_layer_is_unpacked_group_by_group() -> None:
    """16 inputs, 8 outputs, two groups that alternate: an order by activation."""
    numbers = torch.arange(128).reshape(16, 8) % 16
    zeros = torch.tensor([[8] * 8, [3, 1, 4, 1, 5, 9, 2, 6]])
    scales = torch.tensor([[0.5] * 8, [0.25] * 8])
    group = torch.arange(16) % 2
    packed = {
        "qweight": pack(numbers),
        "qzeros": pack((zeros - 1).T).T,  # the original format stores one less
        "scales": scales,
        "g_idx": group.int(),
    }
    expected = ((numbers - zeros[group]) * scales[group]).T
    assert torch.equal(read.unpack_weights(packed, "", {"bits": 4}), expected)


def pack(numbers: torch.Tensor) -> torch.Tensor:
    """Eight 4-bit numbers an int32 along the rows, the first in its lowest bits."""
    shifted = numbers.reshape(-1, 8, numbers.shape[1]) << torch.arange(0, 32, 4)[None, :, None]
    return shifted.sum(1).to(torch.int32)


@pytest.mark.parametrize("scheme", ["w4a16", "nf4"])
def test_a_package_that_is_not_installed(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.quantize.find_spec", lambda name: None)
    with pytest.raises(UserError, match=rf"scheme is '{scheme}', which needs .*pip install"):
        quantize(params(scheme), BASE, CPU, "", Path("none"))


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.usefixtures("tuned")
def test_a_checkpoint_of_auto_gptq_is_read(old: bool) -> None:
    model = load_model(TUNED, "float32")
    as_auto_gptq_wrote(model, Path(QUANTIZED), old)
    examples = draw_examples(TRAIN_SPLIT, 2, load_tokenizer(TUNED), "", params("gptq"))
    figures = compare_models(model, load_weights(QUANTIZED, "float32", "cpu"), examples)
    assert 0 < figures["layer_error_max"] < 0.5
    assert figures["perplexity_quantized"] == pytest.approx(figures["perplexity_tuned"], rel=0.5)


def as_auto_gptq_wrote(model: Any, folder: Path, old: bool) -> None:
    """A checkpoint in the manner of auto-gptq 0.7.1: no `checkpoint_format`, a bias of zeros for
    each layer, weights named after their packing, no generation config; `old`, before 0.5:
    config.json says nothing."""
    left_out = shutil.ignore_patterns("*.safetensors", "generation_config.json")
    shutil.copytree(TUNED, folder, ignore=left_out)
    tensors = {name: value.clone() for name, value in model.state_dict().items()}
    del tensors["lm_head.weight"]  # tied
    for name in [name for name in tensors if name.endswith("_proj.weight")]:
        layer = name.removesuffix("weight")
        packed = round_to_nearest(tensors.pop(name))
        tensors |= {f"{layer}{part}": value for part, value in packed.items()}
    save_file(tensors, folder / "gptq_model-4bit-32g.safetensors")
    packing: dict[str, Any] = {"bits": 4, "group_size": 32, "damp_percent": 0.01, "desc_act": False}
    packing |= {"static_groups": False, "sym": True, "true_sequential": True}
    packing |= {"model_name_or_path": "x", "model_file_base_name": "gptq_model-4bit-32g"}
    write_json(folder / "quantize_config.json", packing)
    if not old:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        new = {"is_marlin_format": False, "quant_method": "gptq"}
        write_json(folder / "config.json", config | {"quantization_config": packing | new})


def round_to_nearest(weight: torch.Tensor) -> dict[str, torch.Tensor]:
    """A matrix packed into 4 bits, 32 inputs a group, zero at 8."""
    outputs, inputs = weight.shape
    grouped = weight.reshape(outputs, -1, 32)
    scales = grouped.abs().amax(-1) / 7
    numbers = ((grouped / scales[..., None]).round() + 8).long().reshape(outputs, inputs)
    zeros = torch.full((outputs, inputs // 32), 7)  # one less than they are
    return {
        "qweight": pack(numbers.T),
        "qzeros": pack(zeros).T.contiguous(),
        "scales": scales.T.contiguous().half(),
        "g_idx": (torch.arange(inputs) // 32).int(),
        "bias": torch.zeros(outputs).half(),
    }


def test_a_gptq_checkpoint_of_another_kind_is_refused() -> None:
    with pytest.raises(UserError, match="3 bits in format 'gptq' is not supported"):
        read.unpack_weights({}, "models/quantized", {"bits": 3})
