"""Pack several records into one row, which saves padding; worthwhile on a GPU, not on a CPU.

The records of a row must not attend to each other. On a GPU lib/train/attention.py ensures that; on
a CPU transformers does, by a mask, since positions restart at each record. Layers with a state
along the row, or a base with its own mask, may see more, so `check_packing` tests the base.
"""

import random
from typing import TYPE_CHECKING

from lib.runtime.errors import UserError
from lib.train.attention import by_record
from lib.train.batches import MEGABATCH, spread_apart
from lib.train.launch import has_bf16
from lib.train.params import TrainParams

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel

# Largest change of a logit by rounding, in standard deviations of the logits
_TOLERANCE = {"float32": 1e-3, "bfloat16": 0.3}


def pack(
    rows: "Dataset", held: list[int], epoch: int, params: TrainParams, processes: int
) -> "Dataset":
    """Pack whole records into rows of up to max_length tokens (best fit decreasing).

    Method: Ding et al., 2024. The result has the lengths of each row's records in `seq_lengths`.
    rows: all epochs in training order, `epoch` records each; held: the record of each row. Records
    of the same epoch that are near each other in training order are packed; best fit begins with
    the longest, so packed rows are shuffled. Steps avoid repeated records as far as swapping whole
    rows allows.
    """
    from datasets import concatenate_datasets
    from trl import pack_dataset

    rng, batch = random.Random(params.seed), params.batch_size * processes
    marks = [[kind] * len(ids) for kind, ids in zip(held, rows["input_ids"], strict=True)]
    rows = rows.add_column("held", marks)
    packed, epochs = [], list[int]()
    for first in range(0, len(rows), epoch):
        last = min(first + epoch, len(rows))
        for start in range(first, last, MEGABATCH * batch):
            part = rows.select(range(start, min(start + MEGABATCH * batch, last)))
            filled = pack_dataset(part, params.max_length, "bfd")
            packed.append(filled.select(rng.sample(range(len(filled)), len(filled))))
            epochs += [first // epoch] * len(filled)
    whole = concatenate_datasets(packed)
    kinds = [frozenset(row) for row in whole["held"]]
    turns = spread_apart(kinds, batch * params.gradient_accumulation, epochs)
    return whole.remove_columns("held").select(turns)


def packed_lengths(lengths: list[int], longest: int) -> list[int]:
    """Estimate the tokens of each packed row for records of these lengths."""
    return [longest] * -(-sum(lengths) // longest)


def check_packing(model: "PreTrainedModel", device: str, one: list[int], other: list[int]) -> None:
    """Raise UserError if packed records can attend to each other in this base.

    `other` (token ids) must get the same logits after `one` as alone with the base's own attention.
    """
    import torch

    model.eval()
    lengths = [len(one), len(other)]
    ids = torch.tensor([[*one, *other]], device=model.device)
    starts = torch.tensor([0, len(one), sum(lengths)], dtype=torch.int32, device=model.device)
    packed = {
        "position_ids": torch.tensor([[*range(lengths[0]), *range(lengths[1])]], device=ids.device),
        **{"cu_seq_lens_q": starts, "cu_seq_lens_k": starts},
        **{"max_length_q": max(lengths), "max_length_k": max(lengths)},
    }
    with torch.inference_mode():
        alone = model(input_ids=ids[:, len(one) :], use_cache=False).logits[0]
        with by_record(model, device):
            row = model(input_ids=ids, **packed, use_cache=False).logits[0, len(one) :]
    off = float((row.float() - alone.float()).abs().max() / alone.float().std())
    rounded = model.dtype != torch.float32 or has_bf16(device)
    most = _TOLERANCE["bfloat16" if rounded else "float32"]
    if not off <= most:  # also true for NaN
        raise UserError(
            "params.yaml: train.packing: records packed into one row see each other with this "
            f"base (logits off by {off:.3g} standard deviations, {most} is allowed); set it to "
            "false"
        )
