"""Layers that see no padding mask learn the same."""

import torch

from lib.models import load_model
from lib.training.attention import without_mask

ROWS = [[5, 6, 7, 8, 9], [10, 11]]  # token ids


def loss(mask: bool) -> torch.Tensor:
    """The summed loss of a batch padded on the right, and the gradients behind it."""
    model = load_model("base", "float32")
    ids = torch.tensor([[*row, *[0] * (5 - len(row))] for row in ROWS])
    labels = torch.tensor([[*row, *[-100] * (5 - len(row))] for row in ROWS])
    with without_mask(model, "cpu" if mask else "cuda:0"):
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
    with without_mask(model, "cuda:0"):
        model(ids, attention_mask=mask)
    model(ids, attention_mask=mask)
    assert seen[0] is None
    assert seen[1] is not None
