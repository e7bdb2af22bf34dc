"""What dedup must know of each record, as arrays: some 400 bytes a record, however long it is.

A file is surveyed in blocks of whole lines that know nothing of each other, so they may be worked
on one after the other, in processes, or on other machines: the result is the same.
"""

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from pathlib import Path
from sys import intern
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from lib.core.records import (
    PUBLISHED,
    Record,
    answers_of,
    is_pair,
    is_record,
    prompt_text,
    prompt_texts,
    read_records,
)
from lib.runtime.errors import UserError
from lib.similarity.containment import SHORTEST
from lib.similarity.leakage import Hit, Known, NearIndex, search_by
from lib.similarity.minhash import band_keys, bands, signatures
from lib.similarity.params import DedupParams
from lib.similarity.shingles import CHUNK, Hashes, Places, Shingles, mix, ngrams, take, word_hashes

BLOCK = 1 << 20  # bytes of a file worked on at a time
RECALL = 0.98  # of the pairs exactly at the threshold; more similar ones are found more surely
ANSWER = np.uint64(0x9E3779B97F4A7C15)  # sets an answer's shingles apart from a prompt's

Cases = tuple[str, ...]  # the prompts of evals/
Block = tuple[int, int]  # where its lines begin and end, in bytes
Parts = list[str]  # what is asked, and every answer


class Survey(NamedTuple):
    """One row a record, in the order of the file."""

    starts: Places  # where its line begins, in bytes
    ends: Places
    ids: npt.NDArray[np.bytes_]
    sources: npt.NDArray[np.object_]
    pairs: npt.NDArray[np.bool_]  # whether it is a preference pair
    published: npt.NDArray[np.bool_]  # whether its source fixes it as val or test
    same: Hashes  # equal for exact copies: the same words in the same order
    case: npt.NDArray[np.int32]  # the case that its prompt resembles most, or -1
    similarity: npt.NDArray[np.float64]  # to that case
    quotes: npt.NDArray[np.bool_]  # whether it may quote a case
    keys: Hashes  # its buckets: those of its prompt, then those of prompt and answers


def blocks(path: str | Path) -> Iterator[Block]:
    """Whole lines of a file, about BLOCK bytes at a time."""
    try:
        with Path(path).open("rb") as file:
            size, start = Path(path).stat().st_size, 0
            while start < size:
                file.seek(start + BLOCK)
                file.readline()
                end = min(file.tell(), size)
                yield start, end
                start = end
    except FileNotFoundError:
        raise UserError(f"{path}: not found; `dvc repro` runs the stage that writes it") from None


def survey(path: str | Path, block: Block, cases: Cases, params: DedupParams) -> Survey:
    """What is to be known of the records of a block; raises UserError where one is damaged."""
    with Path(path).open("rb") as file:
        file.seek(block[0])
        lines = file.read(block[1] - block[0]).splitlines(keepends=True)
    try:
        records: list[Record] = [_parsed(line) for line in lines]
    except ValueError:
        for _ in read_records(path):  # raises an error that says which line of the file it is
            pass
        raise
    ends = block[0] + np.cumsum([len(line) for line in lines])
    parts = [[prompt_text(record), *answers_of(record)] for record in records]
    found = Survey(
        np.append(block[0], ends[:-1]),
        ends,
        np.array([record["id"].encode() for record in records]),
        np.array([intern(record["source"]) for record in records], object),
        np.array([is_pair(record) for record in records]),
        np.array([record["split"] in PUBLISHED for record in records]),
        *concatenate(_contents(some, cases, params) for some in _chunks(parts)),
    )
    return with_hits(found, _earlier_turns(records, cases, params))


def _parsed(line: bytes) -> Record:
    row = json.loads(line.decode())
    if not isinstance(row, dict) or not is_record(row):
        raise ValueError
    return cast(Record, row)


def concatenate(parts: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Tuples of arrays, end to end."""
    return [np.concatenate(columns) for columns in zip(*parts, strict=True)]


def nothing() -> Survey:
    """The survey of an empty file."""
    kinds: Any = ("i8", "i8", "S1", object, bool, bool, "u8", "i4", "f8", bool, "u8")
    return Survey(*(np.empty(0, kind) for kind in kinds))


def like_a_case(found: Survey) -> npt.NDArray[np.bool_]:
    """Which records must go because of a case; published val and test rows are no training data."""
    return (found.case >= 0) & ~found.published


def originals(found: Survey) -> Places:
    """For each record the first that it is an exact copy of, of those that are like no case."""
    result = np.arange(len(found.starts))
    rest = np.flatnonzero(~like_a_case(found))
    _, first, number = np.unique(found.same[rest], return_index=True, return_inverse=True)
    result[rest] = rest[first[number]]
    return result


def fresh(found: Survey) -> Places:
    """Places of the records that are neither like a case nor an exact copy of an earlier one."""
    return np.flatnonzero((originals(found) == np.arange(len(found.starts))) & ~like_a_case(found))


def by_worth(found: Survey) -> Places:
    """Places of the records, best first: of copies stays what is published, else the first in the
    data, so that rows added at the end take no other's place."""
    return np.argsort(~found.published, kind="stable")


def with_hits(found: Survey, hits: Iterable[Hit]) -> Survey:
    """The survey with further cases that records hold, where they resemble no other one more."""
    case, similarity = found.case.copy(), found.similarity.copy()
    for one, other, value in hits:
        if value > similarity[one]:
            case[one], similarity[one] = other, value
    return found._replace(case=case, similarity=similarity)


def _chunks(parts: list[Parts]) -> Iterator[list[Parts]]:
    """Records of about CHUNK characters."""
    start = size = 0
    for place, texts in enumerate(parts):
        size += sum(map(len, texts))
        if size >= CHUNK or place == len(parts) - 1:
            yield parts[start : place + 1]
            start, size = place + 1, 0


def _contents(parts: list[Parts], cases: Cases, params: DedupParams) -> tuple[Any, ...]:
    """(same, case, similarity, quotes, keys) of records."""
    counts = np.fromiter(map(len, parts), np.int64, len(parts))
    last = np.cumsum(counts)
    first = last - counts
    words = word_hashes(list(chain.from_iterable(parts)))
    grams = ngrams(words, params.ngram)
    rows = Shingles(words.hashes, words.starts[np.append(first, last[-1])])
    return (
        _same(words, first),
        *_resembled(take(grams, first), cases, params),
        _may_quote(rows, cases),
        _keys(grams, first, params),
    )


def _same(words: Shingles, first: Places) -> Hashes:
    """A hash of all words of each record, of each part on its own."""
    place = np.arange(len(words.hashes)) - np.repeat(words.starts[:-1], words.sizes())
    sums = np.add.reduceat(mix(words.hashes + mix(place.astype(np.uint64))), words.starts[:-1])
    part = np.arange(len(sums)) - np.repeat(first, np.diff(first, append=len(sums)))
    return np.add.reduceat(mix(sums + part.astype(np.uint64)), first)


def _keys(grams: Shingles, first: Places, params: DedupParams) -> Hashes:
    """Buckets of prompts, which are the first part of their record, and of whole records. Two
    records with similar prompts and similar answers are similar as wholes: the share that two
    sets have in common is no lower in two disjoint pairs of sets together."""
    answers = np.ones(len(grams.starts) - 1, bool)
    answers[first] = False
    tags = np.repeat(np.where(answers, ANSWER, np.uint64(0)), grams.sizes())
    tagged = Shingles(grams.hashes ^ tags, grams.starts)
    signature = signatures(tagged, params.permutations, params.seed)
    both = [signature[first], np.minimum.reduceat(signature, first)]
    shape = bands(params.threshold, params.permutations, RECALL)
    return np.concatenate([band_keys(one, *shape) for one in both], axis=1)


def _resembled(
    prompts: Shingles, cases: Cases, params: DedupParams
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Of each prompt the case most similar, and how similar."""
    case = np.full(len(prompts.starts) - 1, -1, np.int32)
    similarity = np.zeros(len(case))
    if cases:
        index = _near_index(cases, params.evals_threshold, params.ngram)
        for one, other, value in index.search(prompts):
            if value > similarity[one]:
                case[one], similarity[one] = other, value
    return case, similarity


def _earlier_turns(records: list[Record], cases: Cases, params: DedupParams) -> Iterator[Hit]:
    """The cases that questions resemble which chats answer before their last one."""
    asked = [(at, text) for at, record in enumerate(records) for text in prompt_texts(record)[:-1]]
    if asked and cases:
        index = _near_index(cases, params.evals_threshold, params.ngram)
        for hit in search_by(index, [text for _, text in asked]):
            yield hit._replace(one=asked[hit.one][0])


def _may_quote(words: Shingles, cases: Cases) -> npt.NDArray[np.bool_]:
    """Who contains no n-gram of the shortest length looked for contains no longer one."""
    found = np.zeros(len(words.starts) - 1, bool)
    found[_quotable(cases).texts_with(ngrams(words, SHORTEST))] = True
    return found


@lru_cache(1)
def _near_index(cases: Cases, threshold: float, ngram: int) -> NearIndex:
    return NearIndex(cases, threshold, ngram)


@lru_cache(1)
def _quotable(cases: Cases) -> Known:
    return Known(ngrams(word_hashes(cases), SHORTEST).hashes)
