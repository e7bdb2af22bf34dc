"""Examples of the training split put before a question: what prompting alone can do.

The leakage check finds no copy and no near copy of a case in the training split, so no example
gives an answer away.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

import numpy as np

from lib.core.records import Message, Record, is_pair, prompt_text, read_records
from lib.core.text import words

TRAIN = "data/split/train.jsonl"


class Prompt(NamedTuple):
    """What one case is asked with."""

    chat: list[Message]
    ids: list[int]
    examples: int  # before the question, after those that did not fit were left out


def read_examples() -> list[Record]:
    """Read the chats of the training split."""
    return [record for record in read_records(TRAIN) if not is_pair(record)]


def draw(records: list[Record], count: int, seed: int) -> list[Record]:
    """Draw `count` records, of as many scenarios as possible: one of each in turn."""
    random = Random(seed)
    scenarios: dict[str, list[Record]] = {}
    for record in random.sample(records, len(records)):
        scenarios.setdefault(record["scenario"], []).append(record)
    piles = [scenarios[name] for name in sorted(scenarios)]
    random.shuffle(piles)
    rounds = [pile[index] for index in range(count) for pile in piles if index < len(pile)]
    return rounds[:count]


def nearest(records: list[Record], questions: list[str], count: int) -> list[list[Record]]:
    """Find the `count` records whose prompts are most like each question, the best one last.

    That is next to the question. By BM25 (Robertson & Zaragoza, 2009) of bm25s.
    """
    import bm25s

    search = bm25s.BM25()
    search.index([words(prompt_text(record)) for record in records], show_progress=False)
    found = []
    for question in questions:
        known = [word for word in words(question) if word in search.vocab_dict]
        scores = search.get_scores(known) if known else np.zeros(len(records))
        found.append([records[index] for index in reversed(top(scores, count))])
    return found


def top(scores: np.ndarray, count: int) -> list[int]:
    """Return the indices of the highest scores, best first; ties by position, on any machine."""
    count = min(count, len(scores))
    if not count:
        return []
    least = np.partition(scores, -count)[-count]
    indices = np.flatnonzero(scores >= least)
    return [int(index) for index in indices[np.argsort(-scores[indices], kind="stable")][:count]]


def with_examples(prompt: list[Message], examples: Sequence[Record]) -> list[Message]:
    """Put the examples before the prompt as earlier turns; its own system prompt stays first."""
    start = 1 if prompt[0]["role"] == "system" else 0
    turns = [turn for one in examples for turn in one["messages"] if turn["role"] != "system"]
    return [*prompt[:start], *turns, *prompt[start:]]


def fit_examples(
    prompt: list[Message],
    examples: Sequence[Record],
    encode: Callable[[list[Message]], list[int]],
    most: int,
) -> Prompt:
    """Put as many of the last examples before the prompt as `most` tokens hold; it is never cut."""
    for left_out in range(len(examples) + 1):
        chat = with_examples(prompt, examples[left_out:])
        ids = encode(chat)
        if len(ids) <= most:
            break
    return Prompt(chat, ids, len(examples) - left_out)
