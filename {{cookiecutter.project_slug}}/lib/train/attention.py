"""Attention of a training on a GPU that computes in bf16: without a mask.

Torch's flash attention takes no mask, and its kernel for masked rows adds up slowly when it has to
keep one order (rows of 32,768 tokens: over ten seconds a step of a 0.6 B model on an H200). Neither
needs to be: trainers pad on the right, where causal attention never looks, and the records of a
packed row are kept apart by where each begins. Masks remain where a base has sliding windows
shorter than an unpacked row.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lib.runtime.errors import UserError
from lib.train.launch import has_bf16

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

BY_RECORD = "by_record"  # among transformers' implementations of attention
NOT_KNOWN = ("softcap", "s_aux", "position_bias")  # what some bases tell their attention to do, too


@contextmanager
def without_mask(model: "PreTrainedModel", device: str) -> Iterator[None]:
    """Have the layers of `model` see no padding mask, on a GPU that computes in bf16.

    Flash attention takes no mask and no float32. trl goes on to see the mask.
    """

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


@contextmanager
def by_record(model: "PreTrainedModel", device: str) -> Iterator[None]:
    """Have each token of a packed row attend to its own record alone.

    On a GPU that computes in bf16; elsewhere the base's own mask does so.
    """
    from transformers import AttentionInterface

    if not has_bf16(device):
        yield
        return
    before = model.config._attn_implementation
    AttentionInterface.register(BY_RECORD, attend_by_record)
    model.set_attn_implementation(BY_RECORD)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def attend_by_record(
    module: Any,
    query: "Tensor",
    key: "Tensor",
    value: "Tensor",
    attention_mask: object,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    cu_seq_lens_q: "Tensor | None" = None,
    max_length_q: int = 0,
    **others: Any,
) -> tuple["Tensor", None]:
    """Attend causally within each record of a packed row, by torch's flash attention.

    `query` is (1, heads, tokens, width), `key` and `value` too, of fewer heads; `cu_seq_lens_q` is
    where each record begins, and the last one ends. Returns (1, tokens, heads, width). Raises
    UserError where the base's attention does more.
    """
    import torch
    from torch.nn.attention.varlen import varlen_attn

    if cu_seq_lens_q is None or dropout or any(others.get(name) is not None for name in NOT_KNOWN):
        raise UserError(
            "params.yaml: train.packing: the attention of this base is not one that keeps packed "
            f"records apart on a GPU ({type(module).__name__}); set it to false"
        )
    half = torch.bfloat16 if query.dtype == torch.float32 else query.dtype
    output = varlen_attn(
        *(part[0].transpose(0, 1).to(half) for part in (query, key, value)),
        *(cu_seq_lens_q, cu_seq_lens_q),
        *(max_length_q, max_length_q),
        scale=scaling,
        window_size=(sliding_window - 1 if sliding_window else -1, 0),
        enable_gqa=key.shape[1] != query.shape[1],
    )
    return output[None].to(query.dtype), None
