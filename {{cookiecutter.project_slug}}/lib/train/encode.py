"""Encode records as token ids and labels; check each before the first step, truncate none."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lib.core.params import BaseParams
from lib.core.records import Message, Record, chat_of, prompt_of, taught_by
from lib.core.turns import apart
from lib.model.chat import Example, encode_example, with_system
from lib.runtime.errors import UserError
from lib.train.mask import LEARNT, check_answer, check_mask, tell_rewritten, write_learnt
from lib.train.params import TrainParams

if TYPE_CHECKING:
    from transformers import (
        PreTrainedTokenizerBase,
    )


@dataclass(frozen=True)
class Setup:
    """What all trainings of a run share: params, tokenizer, stop tokens and folders."""

    params: TrainParams
    base: BaseParams
    system: str
    tokenizer: "PreTrainedTokenizerBase"
    stops: set[int]  # token ids that end an answer
    device: str
    folder: Path  # folder of the checkpoints

    def encode(self, messages: list[Message]) -> Example:
        """Encode a whole chat as token ids and labels."""
        return encode_example(self.tokenizer, messages, self.system)

    def first_text(self, record: Record) -> str:
        """Return the text of a record's first message, or of the task's system prompt before it."""
        return apart(with_system(prompt_of(record), self.system))[0][0]["content"]


def encode_records(setup: Setup, records: list[Record]) -> list[Example]:
    """Encode chats as token ids and labels.

    Raises UserError for a record that would be truncated or not learnt.
    """
    examples, rewritten = [], []
    for record in records:
        check_weights_of_turns(setup, record)
        with naming(record):
            example = setup.encode(chat_of(record))
        if learnt := check_example(setup, record, example):
            rewritten.append((taught_by(record)[-1]["content"], learnt))
        examples.append(example)
    tell_rewritten(rewritten, len(records))
    return examples


def check_weights_of_turns(setup: Setup, record: Record) -> None:
    """Raise UserError where train.loss_on would learn a turn of weight 0."""
    weighed = any("weight" in turn for turn in record["messages"])
    if weighed and setup.params.loss_on != "answer":
        raise UserError(
            f"record {record['id']}: has a turn of weight 0, and params.yaml: train.loss_on "
            f"{setup.params.loss_on} learns all turns; set it to answer"
        )


@contextmanager
def naming(record: Record) -> Iterator[None]:
    """Prefix a UserError raised in the block with the record's id."""
    try:
        yield
    except UserError as error:
        raise UserError(f"record {record['id']}: {error}") from None


def check_example(setup: Setup, record: Record, example: Example) -> str | None:
    """Raise UserError where a text is too long or its mask is wrong; write the latter to LEARNT.

    Returns the answer as it is learnt, where that is not how it is written.
    """
    check_length(record["id"], len(example.input_ids), setup.params.max_length)
    try:
        check_mask(example, setup.tokenizer, setup.stops, setup.first_text(record))
        return check_answer(example, setup.tokenizer, setup.stops, taught_by(record))
    except UserError as error:
        write_learnt(setup.tokenizer, {"refused": ([example], 1)})
        raise UserError(
            f"record {record['id']}: {error}; {LEARNT} has it, token by token"
        ) from None


def check_length(name: str, length: int, longest: int) -> None:
    """Raise UserError for a record of more than `longest` tokens."""
    if length > longest:
        raise UserError(
            f"record {name}: {length} tokens, train.max_length is {longest}; raise it, or lower "
            "curate.max_tokens"
        )
