"""Compute and memory of a training, before it starts."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from lib.core.params import BaseParams
from lib.model.chat import IGNORED, Example
from lib.model.loading import load_config
from lib.runtime.errors import UserError
from lib.train.batches import order
from lib.train.estimate import Load, load_of, memory, operations, report_estimate
from lib.train.fits import check_memory, lighter
from lib.train.machine import allowed, available_memory
from lib.train.model_shape import ModelShape, activation_bytes, linear_sizes, shape_of, weight_bytes
from lib.train.params import LoraParams
from lib.train.texts import Texts, sum_loads
from tests.toy import train_params

BASE = BaseParams(model="base", license="Apache-2.0", dtype="float32")
# Llama 2 7B, fine-tuned whole in bf16 with checkpoints of its activations
SEVEN_B = ModelShape(6_738_000_000, 6_738_000_000, 32, 4096, 32_000, 2, 330_000, checkpointing=True)
CHECKPOINTS = "train.gradient_checkpointing true"
LOAD = Load(tokens=1_000_000, longest=2048, batch_size=4, steps=123, passes=123)


def test_parameters_are_those_of_the_loaded_model() -> None:
    shape = shape_of(AutoConfig.from_pretrained("base"), BASE, train_params("full"), on_cpu=True)
    model = AutoModelForCausalLM.from_pretrained("base")
    assert shape.parameters == shape.trainable == model.num_parameters()


def test_adapter_size_is_that_of_peft() -> None:
    from peft import LoraConfig, get_peft_model

    params = train_params("lora")
    shape = shape_of(AutoConfig.from_pretrained("base"), BASE, params, on_cpu=True)
    lora = LoraConfig(r=params.lora.rank, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(AutoModelForCausalLM.from_pretrained("base"), lora)
    assert shape.trainable == model.get_nb_trainable_parameters()[0]


def test_an_unknown_target_module_is_named_with_those_there_are() -> None:
    model = AutoModelForCausalLM.from_pretrained("base")
    with pytest.raises(
        UserError, match=r"c_attn is not a linear layer .*; those are down_proj, gate"
    ):
        linear_sizes(model, ["q_proj", "c_attn"])


@pytest.mark.parametrize(
    ("given", "taken"), [("q_proj", ["q_proj"]), (["all-linear"], "all-linear")]
)
def test_a_module_s_name_is_a_list_of_one_for_peft(given: Any, taken: Any) -> None:
    """peft takes a string for a regular expression, and a list for names."""
    section = train_params("lora").lora.model_dump() | {"target_modules": given}
    assert LoraParams(**section).target_modules == taken


@pytest.mark.parametrize("targets", [[], ["lm_head"]])
def test_targets_that_take_no_adapter_are_refused(targets: list[str]) -> None:
    model = AutoModelForCausalLM.from_pretrained("base")
    with pytest.raises(
        UserError, match=r"is not a linear layer .* that can have an adapter"
    ) as said:
        linear_sizes(model, targets)
    assert "lm_head," not in str(said.value)


def test_compute_of_full_tuning_is_six_operations_a_weight_and_token() -> None:
    shape = replace(SEVEN_B, checkpointing=False)
    assert operations(shape, LOAD) == pytest.approx(6 * 6.738e9 * 1e6, rel=0.05)


def test_frozen_weights_learn_nothing_and_cost_a_third_less() -> None:
    frozen = replace(SEVEN_B, trainable=0, checkpointing=False)
    whole = replace(SEVEN_B, checkpointing=False)
    assert operations(frozen, LOAD) / operations(whole, LOAD) == pytest.approx(2 / 3, rel=0.02)


def test_gradients_and_moments_are_of_what_learns() -> None:
    lora = memory(replace(SEVEN_B, trainable=40_000_000), LOAD)
    assert lora["gradients"] + lora["optimizer"] == 12 * 40e6
    assert lora["weights"] == memory(SEVEN_B, LOAD)["weights"]


def test_a_gpu_keeps_a_tile_of_the_logits_and_the_gradient_of_a_head_that_learns() -> None:
    words = replace(SEVEN_B, vocabulary=200_000, gpu=True)
    assert memory(words, LOAD)["logits"] == 2 * 4096 * 32_768 + 4 * 200_000 * 4096
    assert memory(replace(words, trainable=1), LOAD)["logits"] == 2 * 4096 * 32_768


def test_four_bits_are_of_the_linear_layers_and_the_rest_is_in_32() -> None:
    model = AutoModelForCausalLM.from_pretrained("base")
    embeddings = model.get_input_embeddings().weight.numel()
    norms = sum(weight.numel() for weight in model.parameters() if weight.ndim == 1)
    share = (embeddings + norms) / model.num_parameters()
    assert weight_bytes(model, "float32", "qlora") == pytest.approx(4 * share + 0.6 * (1 - share))


@pytest.mark.parametrize(("dtype", "on_cpu"), [("bfloat16", False), ("float32", True)])
def test_what_a_token_leaves_behind_is_what_torch_keeps(dtype: str, on_cpu: bool) -> None:
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    model = AutoModelForCausalLM.from_pretrained("base", dtype=dtype)
    ids = torch.randint(model.config.vocab_size, (1, 256))
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        hidden = model.model(ids, use_cache=False).last_hidden_state
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    of_tokens = sum(size for place, size in kept.items() if place not in weights)
    of_one = of_tokens / (hidden.shape[1] * model.config.num_hidden_layers)
    assert activation_bytes(model.config, on_cpu, False) == pytest.approx(of_one, rel=0.15)


class Odd:
    """A configuration as some bases have it: no heads, layers of different width, a key that is not
    to be asked for."""

    hidden_size = 64
    intermediate_size = [128, 256]

    @property
    def head_dim(self) -> int:
        raise AttributeError("differs from layer to layer")


def test_a_base_that_names_no_heads_is_estimated_all_the_same() -> None:
    found = activation_bytes(Odd(), False, False)
    assert found == 64 * (16 + 14 + 12) + 8 * 256


def test_a_gpu_keeps_little_for_dropout() -> None:
    config = load_config("base")
    on_gpu, on_cpu = (
        activation_bytes(config, cpu, True) / activation_bytes(config, cpu, False)
        for cpu in (False, True)
    )
    assert 1 < on_gpu < 1.2 < on_cpu


def test_packed_rows_are_one_row_on_a_cpu_alone() -> None:
    apart, packed = replace(LOAD, longest=512), replace(LOAD, longest=512, packed=True)
    on_gpu, on_cpu = replace(SEVEN_B, gpu=True), replace(SEVEN_B, gpu=False)
    assert operations(on_cpu, packed) > operations(on_cpu, apart)
    assert operations(on_gpu, packed) == operations(on_gpu, apart)


def test_preferences_are_never_packed() -> None:
    params = train_params("kto").model_copy(update={"packing": True})
    example = Example([1, 2, 3], [IGNORED, 2, 3])
    phases = sum_loads(params, Texts({"train": [example]}, [[example], [example]]), 1)
    assert [phases["sft"].packed, phases["kto"].packed] == [True, False]


def test_an_adapter_takes_memory_by_its_rank() -> None:
    def held(rank: int, on_cpu: bool) -> dict[str, float]:
        params = train_params("lora")
        lora = params.lora.model_copy(update={"rank": rank})
        params = params.model_copy(update={"lora": lora})
        return memory(shape_of(load_config("base"), BASE, params, on_cpu), LOAD)

    large, small = held(3008, True), held(8, True)
    more = {name: large[name] - small[name] for name in large}
    layers = linear_sizes(AutoModelForCausalLM.from_pretrained("base"), "all-linear")
    tokens = LOAD.batch_size * LOAD.longest
    assert more["activations"] == pytest.approx(4 * tokens * 3000 * len(layers))
    assert more["adapters"] == 4 * 3000 * sum(map(sum, layers))
    assert large["overhead"] > held(8, False)["overhead"]


def test_gradients_added_up_take_more_passes_for_the_same_steps() -> None:
    params = train_params("lora").model_copy(update={"gradient_accumulation": 4, "batch_size": 2})
    load = load_of([8] * 32, 1, 1, params, 1)
    assert (load.steps, load.passes) == (4, 16)


def test_a_smaller_batch_is_named_where_it_fits() -> None:
    light = replace(SEVEN_B, trainable=40_000_000)
    with pytest.raises(UserError, match=r"the device has 24.0; train.batch_size \d+ fits"):
        check_memory(light, {"sft": replace(LOAD, batch_size=64)}, 24e9, [])


def test_a_lighter_setting_is_named_where_no_batch_fits_and_it_does() -> None:
    light = replace(SEVEN_B, trainable=40_000_000)
    with pytest.raises(UserError, match=r"; lora with train\.batch_size 2 fits"):
        check_memory(SEVEN_B, {"sft": LOAD}, 18.5e9, [("lora", light)])
    with pytest.raises(UserError, match="use a smaller base"):
        check_memory(SEVEN_B, {"sft": LOAD}, 12e9, [("lora", light)])


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("full", ["train.method lora", "train.method qlora"]),
        ("lora", ["train.method qlora"]),
        ("dpo", ["train.preference.weights lora"]),
    ],
)
def test_lighter_settings_are_those_the_method_has(method: str, names: list[str]) -> None:
    params, config = train_params(method), AutoConfig.from_pretrained("base")  # type: ignore[arg-type]
    section = params.preference.model_copy(update={"weights": "full"})
    params = params.model_copy(update={"preference": section})
    shape = shape_of(config, BASE, params, on_cpu=False)
    kept = [name for name, _ in lighter(config, BASE, params, shape)]
    assert kept == [CHECKPOINTS, *(f"{CHECKPOINTS}, {name}" for name in names)]
    shape = replace(shape, checkpointing=True)
    assert [name for name, _ in lighter(config, BASE, params, shape)] == names


def test_what_fits_passes() -> None:
    check_memory(SEVEN_B, {"sft": LOAD}, 200e9, [])


def test_preference_training_is_counted_on_top() -> None:
    params = train_params("dpo")
    sft = load_of([10, 20, 30], 2, 1, params, 1)
    dpo = load_of([10, 12, 20, 30], 1, 2, params, 1)
    both = report_estimate(SEVEN_B, {"sft": sft, "dpo": dpo})
    assert (dpo.tokens, dpo.longest, dpo.steps, dpo.texts) == (72, 30, 1, 2)
    assert both["operations"] == operations(SEVEN_B, sft) + operations(SEVEN_B, dpo)
    assert both["peak_memory_bytes"] == round(sum(memory(SEVEN_B, dpo).values()))


def test_the_reference_of_dpo_costs_one_more_forward_pass() -> None:
    learnt = replace(SEVEN_B, checkpointing=False)
    ratio = operations(learnt, replace(LOAD, reference=True)) / operations(learnt, LOAD)
    assert ratio == pytest.approx(4 / 3)


def test_more_processes_take_fewer_steps() -> None:
    assert load_of([8] * 32, 1, 1, train_params("lora"), 2).steps == 4


def test_shards_divide_gradients_and_moments_and_weights_where_they_are_spread() -> None:
    alone, zero = memory(SEVEN_B, LOAD), memory(replace(SEVEN_B, shards=4), LOAD)
    assert zero["gradients"] + zero["optimizer"] == (alone["gradients"] + alone["optimizer"]) / 4
    assert (zero["weights"], zero["activations"]) == (alone["weights"], alone["activations"])
    assert memory(replace(SEVEN_B, weight_shards=4), LOAD)["weights"] == alone["weights"] / 4


def test_a_container_s_limit_is_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "self").write_text("0::/job/step\n", encoding="utf-8")
    (tmp_path / "job/step").mkdir(parents=True)
    (tmp_path / "job/memory.max").write_text("2000\n", encoding="utf-8")
    (tmp_path / "job/step/memory.max").write_text("max\n", encoding="utf-8")
    assert allowed(tmp_path / "self", tmp_path) == [2000]


def test_processes_share_a_processor_s_memory() -> None:
    assert available_memory("cpu", 2) == available_memory("cpu") / 2


def test_steps_are_those_that_are_taken() -> None:
    params = train_params("lora").model_copy(update={"batch_size": 8})
    found = load_of([10] * 203, 1.5, 1, params, 1)
    assert found.steps == math.ceil(len(order([10] * 203, 1.5, 8, 1)) / 8) == 38
