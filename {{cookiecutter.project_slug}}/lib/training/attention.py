"""Attention without a padding mask, on a GPU.

Trainers pad on the right, and causal attention never looks there: the mask changes no token that
is learnt. But torch's flash attention takes none, and its kernel for masked rows, made to add up in
the same order in every run, took over ten seconds a step (0.6 B, eight rows of 4,096, an H200).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@contextmanager
def without_mask(model: "PreTrainedModel", device: str) -> Iterator[None]:
    """On a GPU, have the layers of `model` see no padding mask; trl goes on to see it."""

    def drop(_: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return args, kwargs | {"attention_mask": None}

    if device == "cpu":
        yield
        return
    hook = model.base_model.register_forward_pre_hook(drop, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()
