"""Lay out the rows of supervised training before the first step: order, labels, packing."""

import random
from typing import TYPE_CHECKING

from lib.model.chat import IGNORED, Example
from lib.train.batches import order
from lib.train.launch import world_size
from lib.train.packing import pack

if TYPE_CHECKING:
    from datasets import Dataset

    from lib.train.encode import Setup


def as_dataset(examples: list[Example], places: list[int]) -> "Dataset":
    """Return the examples at `places` as a dataset with input_ids and labels, for SFTTrainer."""
    from datasets import Dataset

    drawn = [examples[place] for place in places]
    return Dataset.from_dict(
        {"input_ids": [e.input_ids for e in drawn], "labels": [e.labels for e in drawn]}
    )


def training_dataset(setup: "Setup", examples: list[Example]) -> "Dataset":
    """Return all epochs as a dataset in training order, packed if train.packing is set."""
    params, ready = setup.params, lay_out(setup, examples)
    rows = as_dataset(ready, list(range(len(ready))))
    if not params.packing:
        return rows
    kinds = _copies(examples)
    held = [kinds[place] for place in places_of(setup, examples)]
    return pack(rows, held, len(examples), params, world_size())


def _copies(examples: list[Example]) -> list[int]:
    """Return for each example the index of the first equal one."""
    first: dict[tuple[int, ...], int] = {}
    return [first.setdefault(tuple(e.input_ids), at) for at, e in enumerate(examples)]


def places_of(setup: "Setup", examples: list[Example]) -> list[int]:
    """Return the indices of the examples in training order, for all epochs."""
    params, lengths = setup.params, [len(example.input_ids) for example in examples]
    return order(
        lengths,
        params.epochs,
        params.batch_size * world_size(),
        params.seed,
        _copies(examples),
        params.gradient_accumulation,
    )


def lay_out(setup: "Setup", examples: list[Example]) -> list[Example]:
    """Repeat the examples for all epochs, in training order and with the labels by train.loss_on.

    "answer" learns answers only; "prompt_first" learns every token in the first half, then answers
    only; "all" learns every token. With word_dropout each epoch blanks other words of the prompts.
    """
    params, tokenizer = setup.params, setup.tokenizer
    places = places_of(setup, examples)
    whole = {"answer": 0.0, "prompt_first": 0.5, "all": 1.0}[params.loss_on] * len(places)
    drawn = [examples[place] for place in places]
    labels = [example.input_ids if i < whole else example.labels for i, example in enumerate(drawn)]
    rng, keep = random.Random(params.seed), set(tokenizer.all_special_ids)
    blank = int(tokenizer.pad_token_id)
    inputs = [drop_words(example, params.word_dropout, blank, keep, rng) for example in drawn]
    return [Example(ids, learnt) for ids, learnt in zip(inputs, labels, strict=True)]


def drop_words(
    example: Example, share: float, blank: int, keep: set[int], rng: random.Random
) -> list[int]:
    """Return token ids with a random share of the prompt's tokens blanked, except those in `keep`.

    So no single word decides the answer (Iyyer et al., 2015; Bowman et al., 2016).
    """
    if not share:
        return example.input_ids
    return [
        blank if label == IGNORED and token not in keep and rng.random() < share else token
        for token, label in zip(example.input_ids, example.labels, strict=True)
    ]
