"""A corpus with planted copies, the same on every machine.

Words of syllables, drawn by a bigram chain with Zipf's law, so that documents share phrases by
chance as real ones do; 100 to 300 words, about 1.2 kB. One document in five is a copy of another
one: every fourth of these exact, the others edited word by word to a 5-gram similarity drawn evenly
from 0.5 to 1. No punctuation: every peer sees the same words.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SEED = 7
WORDS, SUCCESSORS, NGRAM = 40_000, 64, 5
SHORTEST, LONGEST = 100, 300  # words a document
COPIES = 5  # one document in so many is a copy
BLOCK = 10_000  # documents drawn at a time


def vocabulary(draw: random.Random) -> list[str]:
    """Different words of one to three syllables."""
    syllables = [
        one + two for one in "bcdfghklmnprstvz" for two in ("a", "e", "i", "o", "un", "er")
    ]
    words: dict[str, None] = {}
    while len(words) < WORDS:
        words["".join(draw.choices(syllables, k=draw.choice((1, 1, 2, 2, 2, 3))))] = None
    return list(words)


def originals(generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Documents as places of words, a bigram chain: each word has SUCCESSORS others."""
    weights = 1 / np.arange(1, SUCCESSORS + 1)
    steps = np.cumsum(weights / weights.sum())
    common = 1 / np.arange(1, WORDS + 1)
    following = np.searchsorted(
        np.cumsum(common / common.sum()), generator.random((WORDS, SUCCESSORS))
    ).clip(max=WORDS - 1)
    while True:
        lengths = generator.integers(SHORTEST, LONGEST + 1, BLOCK)
        texts = np.empty((BLOCK, LONGEST), np.int64)
        texts[:, 0] = generator.integers(0, WORDS, BLOCK)
        for at in range(1, LONGEST):
            rank = np.searchsorted(steps, generator.random(BLOCK)).clip(max=SUCCESSORS - 1)
            texts[:, at] = following[texts[:, at - 1], rank]
        for text, length in zip(texts, lengths, strict=True):
            yield text[:length]


def edited(text: np.ndarray, draw: random.Random) -> list[int]:
    """A copy about as similar as drawn: each word changed breaks NGRAM n-grams of either text."""
    words = text.tolist()
    if draw.random() < 1 / 4:
        return words
    target = draw.uniform(0.5, 1)
    changes = round((len(words) - NGRAM + 1) * (1 - target) / (1 + target) / NGRAM)
    for at in sorted(draw.sample(range(len(words)), max(changes, 1)), reverse=True):
        kind = draw.random()
        if kind < 0.6:
            words[at] = draw.randrange(WORDS)
        elif kind < 0.8:
            del words[at]
        else:
            words.insert(at, draw.randrange(WORDS))
    return words


def documents(count: int) -> Iterator[str]:
    """So many texts; copies follow their originals by up to 5 million documents."""
    draw, generator = random.Random(SEED), np.random.default_rng(SEED)
    words, source = vocabulary(draw), originals(generator)
    kept: list[np.ndarray] = []  # one original in COPIES, to be copied later
    for place in range(count):
        if place % COPIES == COPIES - 1 and kept:
            yield " ".join(words[at] for at in edited(draw.choice(kept), draw))
        else:
            text = next(source)
            if place % COPIES == 0:
                kept.append(text.astype(np.int32))
            yield " ".join(words[at] for at in text)


def record(place: int, text: str) -> str:
    """A line as the curate stage writes it."""
    messages = [{"role": "user", "content": text}, {"role": "assistant", "content": "ok"}]
    row = {"id": f"{place:016x}", "messages": messages, "scenario": "", "language": "en"}
    row |= {"tags": [], "groups": [f"{place:016x}"], "source": "corpus", "license": "CC0-1.0"}
    return json.dumps(row | {"split": None}) + "\n"


def write(count: int, folder: Path) -> None:
    """Write data/curated.jsonl for our stage and texts.parquet for the peers, when not there."""
    target = folder / "texts.parquet"
    if target.exists():
        return
    (folder / "data").mkdir(parents=True, exist_ok=True)
    schema = pa.schema({"id": pa.int64(), "text": pa.string()})
    with (
        (folder / "data/curated.jsonl").open("w", encoding="utf-8") as lines,
        pq.ParquetWriter(folder / "partial", schema) as writer,
    ):
        texts: list[str] = []
        for place, text in enumerate(documents(count)):
            lines.write(record(place, text))
            texts.append(text)
            if len(texts) == BLOCK or place == count - 1:
                ids = range(place + 1 - len(texts), place + 1)
                writer.write_table(pa.table({"id": ids, "text": texts}, schema))
                texts = []
    (folder / "partial").rename(target)
