"""Layers that see no mask learn the same. Torch's flash attention for rows of several lengths runs
on GPUs alone: here a slow stand-in takes its place, and `make gpu-check` asks the real one."""

from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GptOssConfig,
    LlamaConfig,
    MistralConfig,
)

from lib.model.loading import load_model
from lib.runtime.errors import UserError
from lib.train.attention import attend_by_record, by_record, without_mask
from lib.train.encode import encode_records
from lib.train.packing import check_packing
from lib.train.preference import fit_preference
from lib.train.trainers import fit_sft
from tests.toy import chat, pair
from tests.training import setup_of

pytestmark = pytest.mark.slow

ROWS = [[5, 6, 7, 8, 9], [10, 11]]  # token ids


@pytest.fixture(autouse=True)
def bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every device but the CPU computes in it."""
    monkeypatch.setattr("lib.train.attention.has_bf16", lambda device: device != "cpu")
    monkeypatch.setattr("lib.train.packing.has_bf16", lambda device: device != "cpu")


def loss(mask: bool) -> torch.Tensor:
    """The summed loss of a batch padded on the right, and the gradients behind it."""
    model = load_model("base", "float32")
    ids = torch.tensor([[*row, *[0] * (5 - len(row))] for row in ROWS])
    labels = torch.tensor([[*row, *[-100] * (5 - len(row))] for row in ROWS])
    with without_mask(model, "cpu" if mask else "gpu"):
        value = model(ids, attention_mask=labels >= 0, labels=labels).loss
    value.backward()
    gradients = [weight.grad.flatten() for weight in model.parameters()]
    return torch.cat([value[None], *gradients])


def test_the_loss_and_its_gradients_are_the_same() -> None:
    torch.testing.assert_close(loss(mask=False), loss(mask=True))


def test_only_while_it_trains() -> None:
    model = load_model("base", "float32")
    seen: list[object] = []
    look = {"with_kwargs": True}
    model.base_model.layers[0].register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(kwargs["attention_mask"]), **look
    )
    ids, mask = torch.tensor([[5, 0]]), torch.tensor([[1, 0]])
    with without_mask(model, "gpu"):
        model(ids, attention_mask=mask)
    model(ids, attention_mask=mask)
    assert seen[0] is None
    assert seen[1] is not None


KINDS = [("lora", ""), ("full", ""), ("dpo", "lora"), ("dpo", "full"), ("kto", "lora")]


@pytest.mark.parametrize(("method", "weights"), KINDS)
def test_no_training_shows_its_layers_a_mask(
    method: str, weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference of DPO, which is asked before the first step, included."""
    monkeypatch.setattr("lib.train.attention.has_bf16", lambda device: True)
    setup = setup_of(method, tmp_path)
    section = setup.params.preference.model_copy(update={"weights": weights or "lora"})
    setup.params.__dict__["preference"] = section
    model, seen = load_model("base", "float32"), list[Any]()
    model.base_model.layers[0].register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(kwargs["attention_mask"]), with_kwargs=True
    )
    texts = ["票 word " * (1 + at) for at in range(8)]  # rows are padded
    if method in ("dpo", "kto"):
        rows = [pair(text, "yes", "no") for text in texts]
        fit_preference(setup, model, {"train": rows, "val": rows})
    else:
        examples = encode_records(setup, [chat(text, "yes") for text in texts])
        fit_sft(setup, model, {"train": examples, "val": examples})
    assert seen
    assert all(mask is None for mask in seen)


def masked(parts: Any, left: int, scale: float) -> torch.Tensor:
    """Attention of one record, (heads, tokens, width), `left` tokens back (-1: to its start)."""
    query, key, value = parts
    places = torch.arange(query.shape[1])
    back = places[:, None] - places
    seen = (back >= 0) & ((back <= left) | (left < 0))
    return scaled_dot_product_attention(query, key, value, seen, scale=scale, enable_gqa=True)


def varlen(
    query: Any, key: Any, value: Any, starts: Any, _: Any, longest: int, __: int, **how: Any
) -> Any:
    """What torch.nn.attention.varlen.varlen_attn does, a record at a time, in float32."""
    left, right = how["window_size"]
    assert right == 0
    assert how["enable_gqa"] == (query.shape[1] != key.shape[1])
    output = torch.empty_like(query)
    for start, end in pairwise(starts.tolist()):
        assert end - start <= longest
        one = [part[start:end].transpose(0, 1).float() for part in (query, key, value)]
        output[start:end] = masked(one, left, how["scale"]).transpose(0, 1)
    return output


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", varlen)


def test_packed_records_do_not_see_each_other(gpu: None) -> None:
    model = load_model("base", "float32")
    check_packing(model, "gpu", [5, 6, 7, 8], [9, 10, 11])
    assert model.config._attn_implementation == "sdpa"


def test_packed_records_that_see_each_other_are_refused(
    gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = torch.tensor([0, 7])

    def together(query: Any, key: Any, value: Any, *_: Any, **how: Any) -> Any:
        return varlen(query, key, value, one, one, 7, 7, **how)

    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", together)
    with pytest.raises(UserError, match="records packed into one row see each other"):
        check_packing(load_model("base", "float32"), "gpu", [5, 6, 7, 8], [9, 10, 11])


def test_a_sliding_window_is_kept(gpu: None) -> None:
    query, key, value = torch.randn(3, 1, 2, 6, 8).bfloat16()
    starts = torch.tensor([0, 4, 6], dtype=torch.int32)
    told = {"cu_seq_lens_q": starts, "max_length_q": 4, "scaling": 0.3}
    output, _ = attend_by_record(None, query, key, value, None, sliding_window=2, **told)
    wanted = masked([part[0, :, :4] for part in (query, key, value)], 1, 0.3).transpose(0, 1)
    torch.testing.assert_close(output[0, :4], wanted, atol=0.02, rtol=0.02)


@pytest.mark.parametrize("more", [{"softcap": 30.0}, {"s_aux": torch.ones(2)}, {"dropout": 0.1}])
def test_attention_that_does_more_is_refused(more: dict[str, Any], gpu: None) -> None:
    one = torch.randn(1, 2, 3, 8)
    starts = torch.tensor([0, 3], dtype=torch.int32)
    module = SimpleNamespace()
    with pytest.raises(UserError, match="cannot separate packed records on a GPU"):
        attend_by_record(module, one, one, one, None, cu_seq_lens_q=starts, max_length_q=3, **more)


SMALL: dict[str, Any] = {
    **{"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "vocab_size": 64},
    **{"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8},
}
EXPERTS = {"num_local_experts": 2, "num_experts_per_tok": 1}


@pytest.mark.parametrize(
    ("config", "packs"),
    [
        (LlamaConfig(**SMALL), True),
        (MistralConfig(**SMALL, sliding_window=3), True),
        (Gemma2Config(**SMALL), False),  # a soft cap
        (GptOssConfig(**SMALL, **EXPERTS), False),  # sinks
    ],
)
def test_other_families_are_packed_or_refused(config: Any, packs: bool, gpu: None) -> None:
    model = AutoModelForCausalLM.from_config(config)
    refused = pytest.raises(UserError, match=r"the attention of this base .* cannot separate")
    with nullcontext() if packs else refused:
        check_packing(model, "gpu", [5, 6, 7, 8, 9], [10, 11, 12, 13, 14])


def test_a_base_that_does_not_tell_where_records_begin(gpu: None) -> None:
    model = load_model("base", "float32")
    with by_record(model, "gpu"), pytest.raises(UserError, match="attention of this base"):
        model(torch.tensor([[5, 6]]))


@pytest.mark.parametrize(("method", "again"), [("lora", False), ("full", False), ("lora", True)])
def test_packed_rows_learn_what_unpacked_ones_do(
    method: str, again: bool, gpu: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.train.attention.has_bf16", lambda device: True)
    monkeypatch.setattr("lib.train.packing.has_bf16", lambda device: True)
    losses = list[list[float]]()
    for packed in (True, False):
        setup = setup_of(method, tmp_path / str(packed))
        changes = {"packing": packed, "batch_size": 8, "epochs": 1, "learning_rate": 1e-20}
        setup.params.__dict__.update(changes | {"gradient_checkpointing": again})
        texts = [chat("票 word 🙂 " * (1 + at % 5), f"answer {at}") for at in range(8)]
        examples = encode_records(setup, texts)
        trainer = fit_sft(
            setup, load_model("base", "float32"), {"train": examples, "val": examples}
        )
        assert len(trainer.train_dataset) < 8 or not packed
        rows = trainer.state.log_history
        losses.append(
            [row[name] for name in ("train_loss", "eval_loss") for row in rows if name in row]
        )
        assert len(losses[-1]) == 3  # validation before the first step, too
        assert trainer.model.config._attn_implementation == "sdpa"
    assert losses[0] == pytest.approx(losses[1], rel=0.01)
