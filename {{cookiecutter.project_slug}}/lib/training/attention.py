"""Attention without a padding mask, on a GPU.

Trainers pad on the right, and causal attention never looks there: the mask changes no token that
is learnt. But torch's flash attention takes none, and its kernel for masked rows adds up slowly
when it has to keep one order. Masks remain where a base has sliding windows shorter than a row,
and between packed records, which trl joins to one row a batch: with one of 32,768 tokens a step of
a 0.6 B model took over ten seconds on an H200.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lib.launch import has_bf16

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@contextmanager
def without_mask(model: "PreTrainedModel", device: str) -> Iterator[None]:
    """On a GPU that computes in bf16 (flash attention takes no float32), have the layers of `model`
    see no padding mask; trl goes on to see it."""

    def drop(_: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return args, kwargs | {"attention_mask": None}

    if not has_bf16(device):
        yield
        return
    hook = model.base_model.register_forward_pre_hook(drop, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()
