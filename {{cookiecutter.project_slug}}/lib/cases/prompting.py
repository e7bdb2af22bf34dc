"""Build few-shot and retrieval prompts: training examples before the question of a case.

The leakage check ensures that train has no copy of a case, so no example reveals an answer.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

import numpy as np

from lib.core.records import Message, Record, is_pair, prompt_text, read_records
from lib.core.text import words

TRAIN = "data/split/train.jsonl"


class Prompt(NamedTuple):
    """The prompt of one case."""

    chat: list[Message]
    ids: list[int]
    examples: int  # that were put before the question; those that did not fit are left out


def read_examples() -> list[Record]:
    """Read the chats of the training split."""
    return [record for record in read_records(TRAIN) if not is_pair(record)]


def draw(records: list[Record], count: int, seed: int) -> list[Record]:
    """Draw `count` records at random, in turn from each scenario."""
    random = Random(seed)
    scenarios: dict[str, list[Record]] = {}
    for record in random.sample(records, len(records)):
        scenarios.setdefault(record["scenario"], []).append(record)
    piles = [scenarios[name] for name in sorted(scenarios)]
    random.shuffle(piles)
    rounds = [pile[index] for index in range(count) for pile in piles if index < len(pile)]
    return rounds[:count]


def nearest(records: list[Record], questions: list[str], count: int) -> list[list[Record]]:
    """Find for each question the `count` records with the most similar prompts, the best one last.

    The best is thus next to the question. Ranked by BM25 (Robertson & Zaragoza, 2009), package
    bm25s.
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
    """Return the indices of the highest scores, best first; ties in order of position."""
    count = min(count, len(scores))
    if not count:
        return []
    least = np.partition(scores, -count)[-count]
    indices = np.flatnonzero(scores >= least)
    return [int(index) for index in indices[np.argsort(-scores[indices], kind="stable")][:count]]


def with_examples(prompt: list[Message], examples: Sequence[Record]) -> list[Message]:
    """Insert the examples as earlier turns; the prompt's own system turn stays first."""
    start = 1 if prompt[0]["role"] == "system" else 0
    turns = [turn for one in examples for turn in one["messages"] if turn["role"] != "system"]
    return [*prompt[:start], *turns, *prompt[start:]]


def fit_examples(
    prompt: list[Message],
    examples: Sequence[Record],
    encode: Callable[[list[Message]], list[int]],
    most: int,
) -> Prompt:
    """Insert as many of the last examples as fit into `most` tokens; the question is never cut."""
    for left_out in range(len(examples) + 1):
        chat = with_examples(prompt, examples[left_out:])
        ids = encode(chat)
        if len(ids) <= most:
            break
    return Prompt(chat, ids, len(examples) - left_out)
