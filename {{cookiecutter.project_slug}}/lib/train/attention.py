"""Train without attention masks on a GPU that computes in bf16.

Torch's flash attention does not support masks, and its kernel for masked rows is slow when it must
be deterministic (rows of 32,768 tokens: over ten seconds a step of a 0.6 B model on an H200). No
mask is needed: trainers pad on the right, where causal attention never looks, and the records of a
packed row are separated by their start positions. Masks remain where a base has sliding windows
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

BY_RECORD = "by_record"  # our name among transformers' attention implementations
# Further arguments that some bases pass to their attention.
NOT_KNOWN = ("softcap", "s_aux", "position_bias")


@contextmanager
def without_mask(model: "PreTrainedModel", device: str) -> Iterator[None]:
    """Hide the padding mask from the layers of `model`, on a GPU that computes in bf16.

    Flash attention supports neither masks nor float32. trl still sees the mask.
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
    """Make each token of a packed row attend to its own record only.

    This applies on a GPU that computes in bf16; elsewhere the base's own mask does it.
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

    Shapes: `query` (1, heads, tokens, width), `key` and `value` the same with fewer heads;
    `cu_seq_lens_q` has the start of each record and the end of the last. Returns (1, tokens, heads,
    width). Raises UserError where the base's attention does more.
    """
    import torch
    from torch.nn.attention.varlen import varlen_attn

    if cu_seq_lens_q is None or dropout or any(others.get(name) is not None for name in NOT_KNOWN):
        raise UserError(
            f"params.yaml: train.packing: the attention of this base ({type(module).__name__}) "
            "cannot separate packed records on a GPU; set it to false"
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
