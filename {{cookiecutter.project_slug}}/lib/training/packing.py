"""Several records in one row, so that no computing goes into padding: pays on a GPU where kernels
may add up in any order (hardware.deterministic false; lib/training/attention.py says why), not on a
CPU.

The records of a row must not see each other. With positions that begin anew at each record, and
no attention mask, transformers' eager, sdpa, flex and flash attention all keep them apart; layers
that carry a state along the row, or a base with a mask of its own, may not. Not to be argued but
seen: `check_packing` asks the base itself.
"""

import random
from typing import TYPE_CHECKING

from lib.errors import UserError
from lib.training.batches import MEGABATCH

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel

# Largest difference of a logit, in standard deviations of the logits, that rounding may make
TOLERANCE = {"float32": 1e-3, "bfloat16": 0.3}


def pack(rows: "Dataset", longest: int, batch_size: int, seed: int) -> "Dataset":
    """Rows of up to `longest` tokens, each of several whole records (best fit decreasing; Ding et
    al., 2024), whose lengths are in `seq_lengths`.

    Packed are records that would be trained on near each other, so that the order of epochs holds;
    best fit begins with the longest, so the packed rows are shuffled.
    """
    from datasets import concatenate_datasets
    from trl import pack_dataset

    rng, window = random.Random(seed), MEGABATCH * batch_size
    packed = []
    for start in range(0, len(rows), window):
        part = rows.select(range(start, min(start + window, len(rows))))
        filled = pack_dataset(part, longest, "bfd")
        packed.append(filled.select(rng.sample(range(len(filled)), len(filled))))
    return concatenate_datasets(packed)


def packed_lengths(lengths: list[int], longest: int) -> list[int]:
    """Tokens of the rows that records of these lengths will about fill, for the estimate."""
    return [longest] * -(-sum(lengths) // longest)


def check_packing(model: "PreTrainedModel", one: list[int], other: list[int]) -> None:
    """Raise UserError unless `other` (token ids) gets the same logits behind `one` as alone."""
    import torch

    model.eval()
    ids = torch.tensor([[*one, *other]], device=model.device)
    positions = torch.tensor([[*range(len(one)), *range(len(other))]], device=model.device)
    with torch.inference_mode():
        row = model(input_ids=ids, position_ids=positions, use_cache=False).logits[0, len(one) :]
        alone = model(input_ids=ids[:, len(one) :], use_cache=False).logits[0]
    off = float((row.float() - alone.float()).abs().max() / alone.float().std())
    most = TOLERANCE["float32" if model.dtype == torch.float32 else "bfloat16"]
    if not off <= most:  # also when it is no number
        raise UserError(
            "params.yaml: train.packing: records packed into one row see each other with this "
            f"base (logits off by {off:.3g} standard deviations, {most} is allowed); set it to "
            "false"
        )
