"""Draw the texts for calibrating a scheme and for measuring its loss."""

import random
from typing import TYPE_CHECKING

from lib.core.records import (
    Message,
    Record,
    chat_of,
    chats_first,
    is_pair,
    prompt_of,
    read_records,
    side_of,
)
from lib.model.chat import Example, encode_example
from lib.quantize.params import QuantizeParams
from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TRAIN_SPLIT, VAL_SPLIT = "data/split/train.jsonl", "data/split/val.jsonl"


def draw_examples(
    path: str, count: int, tokenizer: "PreTrainedTokenizerBase", system: str, params: QuantizeParams
) -> list[Example]:
    """Draw at most `count` whole chats from a split, by quantize.seed.

    If there are no chats, preference pairs are used: the prompt and its chosen answer.
    """
    chats = [whole for record in chats_first(read_records(path)) if (whole := whole_chat(record))]
    if not chats:
        raise UserError(f"{path}: has neither a chat nor a good answer; see metrics/split.json")
    drawn = random.Random(params.seed).sample(chats, min(count, len(chats)))
    return [encode_example(tokenizer, chat, system) for chat in drawn]


def whole_chat(record: Record) -> list[Message]:
    """Return a chat with its answer, for a pair the chosen one; [] if that is missing."""
    if not is_pair(record):
        return chat_of(record)
    return [*prompt_of(record), side_of(record, "chosen")] if record["chosen"] else []
