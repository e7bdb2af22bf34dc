"""Layers that see no padding mask learn the same."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lib.models import load_model
from lib.training.attention import without_mask
from lib.training.preference import fit_preference
from lib.training.trainers import encode_records, fit_sft
from tests.toy import chat, pair
from tests.training import setup_of

pytestmark = pytest.mark.slow

ROWS = [[5, 6, 7, 8, 9], [10, 11]]  # token ids


@pytest.fixture(autouse=True)
def bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every device but the CPU computes in it."""
    monkeypatch.setattr("lib.training.attention.has_bf16", lambda device: device != "cpu")


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
    monkeypatch.setattr("lib.training.attention.has_bf16", lambda device: True)
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
