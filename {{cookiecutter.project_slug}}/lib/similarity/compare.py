"""What two records that may be copies are to each other: the exact similarity of their texts."""

import json
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lib.core.records import Record, answers_of, is_pair, prompt_text, row_text
from lib.similarity.containment import contained
from lib.similarity.leakage import Hit
from lib.similarity.minhash import components
from lib.similarity.params import DedupParams
from lib.similarity.shingles import Pairs, Places, shingle, similarity
from lib.similarity.survey import Cases

BATCH = 1 << 24  # bytes of lines compared at a time

Values = npt.NDArray[np.float64]


class Relation(IntEnum):
    """What the answers say of two records with similar prompts."""

    FAR = 0  # the prompts are not similar
    OTHER_KIND = 1  # a chat and a preference pair
    OTHER_ANSWER = 2
    COPY = 3
    CONTRADICTION = 4  # preference pairs: chosen here is rejected there


class Related(NamedTuple):
    """Pairs of records and what they are to each other."""

    pairs: Pairs
    similarity: Values  # of the prompts
    relation: npt.NDArray[np.int8]


def batches(pairs: Pairs, starts: Places, ends: Places) -> Iterator[Places]:
    """Places of pairs whose lines fit into memory together, those of one cluster side by side."""
    if len(pairs):
        order = np.argsort(components(len(starts), pairs)[pairs[:, 0]], kind="stable")
        size = np.cumsum((ends - starts)[pairs[order]].sum(axis=1))
        yield from np.split(order, np.flatnonzero(np.diff(size // BATCH)) + 1)


def read_lines_at(path: str | Path, starts: Places) -> Iterator[str]:
    """The lines that begin at these bytes of a file."""
    with Path(path).open("rb") as file:
        for start in starts.tolist():
            file.seek(start)
            yield file.readline().decode()


def compare(
    path: str | Path, starts: Pairs, params: DedupParams
) -> tuple[Values, npt.NDArray[np.int8]]:
    """(similarity of the prompts, relation) of pairs of records, given where their lines begin."""
    places, flat = np.unique(starts, return_inverse=True)
    pairs = flat.reshape(-1, 2)
    records: list[Record] = [json.loads(line) for line in read_lines_at(path, places)]
    prompts = shingle([prompt_text(record) for record in records], params.ngram)
    values = similarity(prompts, prompts, pairs)
    relation = np.full(len(pairs), Relation.FAR, np.int8)
    near = np.flatnonzero(values >= params.threshold)
    relation[near] = _answers_compared(records, pairs[near], params)
    return values, relation


def _answers_compared(
    records: list[Record], pairs: Pairs, params: DedupParams
) -> npt.NDArray[np.int8]:
    """The relation of pairs of records whose prompts are similar."""
    answers = [answers_of(record) for record in records]
    chosen = shingle([one[0] for one in answers], params.ngram)
    rejected = shingle([one[-1] for one in answers], params.ngram)
    straight = similarity(chosen, chosen, pairs)
    kinds = np.array([is_pair(record) for record in records], bool)[pairs]
    both = np.flatnonzero(kinds.all(axis=1))  # preference pairs, which have two answers each
    straight[both] = np.minimum(straight[both], similarity(rejected, rejected, pairs[both]))
    crossed = np.minimum(
        similarity(chosen, rejected, pairs[both]), similarity(rejected, chosen, pairs[both])
    )
    found = np.where(straight >= params.threshold, Relation.COPY, Relation.OTHER_ANSWER)
    turned = (crossed >= params.threshold) & (crossed > straight[both])
    found[both[turned]] = Relation.CONTRADICTION
    found[kinds[:, 0] != kinds[:, 1]] = Relation.OTHER_KIND
    return found.astype(np.int8)


def quoted(path: str | Path, starts: Places, cases: Cases) -> list[Hit]:
    """Cases that the records whose lines begin there contain; `one` is a place in `starts`."""
    rows = [row_text(json.loads(line)) for line in read_lines_at(path, starts)]
    return contained(rows, cases)


def known(near: Related, pairs: Pairs, count: int) -> Values:
    """The similarity of pairs (earlier, later) of so many records; NaN where none was computed."""
    codes, wanted = near.pairs @ [count, 1], pairs @ [count, 1]
    order = np.argsort(codes)
    at = order[np.minimum(np.searchsorted(codes, wanted, sorter=order), len(codes) - 1)]
    return np.where(codes[at] == wanted, near.similarity[at], np.nan)
