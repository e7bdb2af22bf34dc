"""Several records in one row, so that no computing goes into padding: pays on a GPU, not on a CPU.

The records of a row must not see each other. On a GPU lib/train/attention.py sees to that; on a
CPU transformers does, by a mask, where positions begin anew at each record. Layers that carry a
state along the row, or a base with a mask of its own, may see more. Not to be argued but seen:
`check_packing` asks the base itself.
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

# Largest difference of a logit, in standard deviations of the logits, that rounding may make
_TOLERANCE = {"float32": 1e-3, "bfloat16": 0.3}


def pack(
    rows: "Dataset", held: list[int], epoch: int, params: TrainParams, processes: int
) -> "Dataset":
    """Pack whole records into rows of up to max_length tokens (best fit decreasing).

    Ding et al., 2024. Each row's lengths of records are in `seq_lengths`. `rows` are `epoch`
    records an epoch, in the order of training; `held` says which each is. Packed are records of one
    epoch that would be trained on near each other; best fit begins with the longest, so the packed
    rows are shuffled. Steps hold no record twice, as far as whole rows can be exchanged.
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
    """Estimate the tokens of each row that records of these lengths will fill."""
    return [longest] * -(-sum(lengths) // longest)


def check_packing(model: "PreTrainedModel", device: str, one: list[int], other: list[int]) -> None:
    """Raise UserError where the base lets records that are packed into one row see each other.

    `other` (token ids) must get the same logits behind `one` as alone, there by the base's own
    attention.
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
    if not off <= most:  # also when it is no number
        raise UserError(
            "params.yaml: train.packing: records packed into one row see each other with this "
            f"base (logits off by {off:.3g} standard deviations, {most} is allowed); set it to "
            "false"
        )
