"""What a supervised training reads, laid out row by row before the first step."""

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
    """Turn the examples at `places` into columns input_ids and labels, as SFTTrainer takes them."""
    from datasets import Dataset

    drawn = [examples[place] for place in places]
    return Dataset.from_dict(
        {"input_ids": [e.input_ids for e in drawn], "labels": [e.labels for e in drawn]}
    )


def training_dataset(setup: "Setup", examples: list[Example]) -> "Dataset":
    """Lay all epochs out as a dataset in training order, packed where params say so."""
    params, ready = setup.params, lay_out(setup, examples)
    rows = as_dataset(ready, list(range(len(ready))))
    if not params.packing:
        return rows
    kinds = _copies(examples)
    held = [kinds[place] for place in places_of(setup, examples)]
    return pack(rows, held, len(examples), params, world_size())


def _copies(examples: list[Example]) -> list[int]:
    """Return for each example the place of the first that reads the same."""
    first: dict[tuple[int, ...], int] = {}
    return [first.setdefault(tuple(e.input_ids), at) for at, e in enumerate(examples)]


def places_of(setup: "Setup", examples: list[Example]) -> list[int]:
    """Return the places of the examples in the order they are trained on, all epochs long."""
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
    """Repeat the examples for all epochs, in the order and with the labels they are trained on.

    loss_on "prompt_first" learns every token in the first half, and then the answers alone; "all"
    learns every token throughout. With word_dropout each epoch blanks other words of the prompts.
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
    """Blank a share of the prompt's tokens at random, but none of those to `keep`.

    No single word may decide the answer (Iyyer et al., 2015; Bowman et al., 2016). Returns token
    ids.
    """
    if not share:
        return example.input_ids
    return [
        blank if label == IGNORED and token not in keep and rng.random() < share else token
        for token, label in zip(example.input_ids, example.labels, strict=True)
    ]
