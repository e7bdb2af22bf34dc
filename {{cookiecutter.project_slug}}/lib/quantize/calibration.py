"""The texts a scheme is calibrated on, and those it is measured on."""

import random
from typing import TYPE_CHECKING

from lib.core.records import chat_of, is_pair, read_records
from lib.model.chat import Example, encode_example
from lib.quantize.params import QuantizeParams
from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TRAIN, VAL = "data/split/train.jsonl", "data/split/val.jsonl"


def draw_examples(
    path: str, count: int, tokenizer: "PreTrainedTokenizerBase", system: str, params: QuantizeParams
) -> list[Example]:
    """Draw at most `count` whole chats from a split, seeded, never preference pairs."""
    chats = [record for record in read_records(path) if not is_pair(record)]
    if not chats:
        raise UserError(f"{path}: holds no chat; see metrics/split.json")
    drawn = random.Random(params.seed).sample(chats, min(count, len(chats)))
    return [encode_example(tokenizer, chat_of(record), system) for record in drawn]
