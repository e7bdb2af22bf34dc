"""Collect what dedup needs of each record, in arrays: about 400 bytes per record of any length.

A file is surveyed in independent blocks of whole lines, so the result is the same in one process,
in several or on several machines.
"""

from collections.abc import Iterable
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
    earlier_prompts,
    is_record,
    prompt_text,
    read_records,
    row_text,
)
from lib.core.strict_json import loads
from lib.similarity.hit import Hit
from lib.similarity.minhash import Keys, band_keys, bands, signatures
from lib.similarity.near_copies import KnownTexts, search_rows
from lib.similarity.own_words import Shared, ngrams_of, own_words
from lib.similarity.params import DedupParams
from lib.similarity.shingles import (
    Floats,
    Hashes,
    Indices,
    Shingles,
    mix,
    row_chunks,
    word_hashes,
)
from lib.similarity.spans import Spans
from lib.similarity.workers import Block, read_block

RECALL = 0.98  # for pairs exactly at the threshold; more similar ones have a higher recall
# Distinguishes the shingles of answers from those of prompts.
ANSWER = np.uint64(0x9E3779B97F4A7C15)

Prompts = tuple[str, ...]  # held out


class Survey(NamedTuple):
    """The arrays of a file's records, one row each, in the order of the file."""

    spans: Spans  # shape (records, 2): begin and end of each line
    ids: npt.NDArray[np.bytes_]
    sources: npt.NDArray[np.object_]
    published: npt.NDArray[np.bool_]  # whether its source fixes it as val or test
    same: Hashes  # equal for exact copies: the same words in the same order
    held_out: npt.NDArray[np.int32]  # the closest held-out prompt, by index, or -1
    similarity: Floats  # similarity to that prompt
    buckets: Keys  # bucket keys of the prompt, then of prompt and answers together

    def is_held_out(self) -> npt.NDArray[np.bool_]:
        """Tell which records must be dropped because they resemble or quote a held-out prompt.

        Published val and test rows are not training data and stay.
        """
        return (self.held_out >= 0) & ~self.published

    def originals(self) -> Indices:
        """Return for each record the index of its first exact copy, held-out ones excluded."""
        result = np.arange(len(self.spans))
        rest = np.flatnonzero(~self.is_held_out())
        _, first, number = np.unique(self.same[rest], return_index=True, return_inverse=True)
        result[rest] = rest[first[number]]
        return result

    def best_first(self) -> Indices:
        """Sort the records so that of two copies the one to keep comes first.

        Published rows first, then the order of the data: rows added at the end displace no others.
        """
        return np.argsort(~self.published, kind="stable")

    def with_hits(self, hits: Iterable[Hit]) -> "Survey":
        """Add hits of held-out prompts, where they are closer than those already found."""
        held_out, similarity = self.held_out.copy(), self.similarity.copy()
        _take_closest(hits, held_out, similarity)
        return self._replace(held_out=held_out, similarity=similarity)


def survey(
    path: str | Path, block: Block, prompts: Prompts, params: DedupParams, shared: Shared
) -> Survey:
    """Survey the records of a block of a file; raise UserError for a damaged one."""
    lines = read_block(path, block)
    try:
        records: list[Record] = [_parsed(line) for line in lines]
    except ValueError:
        for _ in read_records(path):  # raises an error that names the line of the file
            pass
        raise
    ends = block[0] + np.cumsum([len(line) for line in lines])
    known = _known(prompts, params.evals_threshold, params.ngram, shared)
    parts = row_chunks(map(_texts, records))
    *columns, suspects = concatenate(_contents(some, known, params) for some in parts)
    found = Survey(
        np.stack([np.append(block[0], ends[:-1]), ends], axis=1),
        np.array([record["id"].encode() for record in records]),
        np.array([intern(record["source"]) for record in records], object),
        np.array([record["split"] in PUBLISHED for record in records]),
        *columns,
    )
    earlier = search_rows(known.near, list(map(earlier_prompts, records)))
    searched = np.flatnonzero(suspects & ~found.published)
    quoted = known.quoted(row_text(records[index]) for index in searched.tolist())
    quoted = [hit._replace(one=int(searched[hit.one])) for hit in quoted]
    return found.with_hits([*earlier, *quoted])


def _parsed(line: bytes) -> Record:
    row = loads(line)
    if not isinstance(row, dict) or not is_record(row):
        raise ValueError
    return cast(Record, row)


def concatenate(parts: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Concatenate tuples of arrays, column by column."""
    return [np.concatenate(columns) for columns in zip(*parts, strict=True)]


def nothing() -> Survey:
    """Return the survey of an empty file."""
    kinds: Any = ("S1", object, bool, "u8", "i4", "f8", "u4")
    return Survey(np.empty((0, 2), np.int64), *(np.empty(0, kind) for kind in kinds))


def _texts(record: Record) -> list[str]:
    """What is asked, and every answer."""
    return [prompt_text(record), *answers_of(record)]


def _contents(parts: list[list[str]], known: KnownTexts, params: DedupParams) -> tuple[Any, ...]:
    """(same, held_out, similarity, buckets) of records, and whether they may quote a prompt."""
    counts = np.fromiter(map(len, parts), np.int64, len(parts))
    last = np.cumsum(counts)
    first = last - counts
    words = word_hashes(list(chain.from_iterable(parts)))
    grams = ngrams_of(words, params.ngram, known.shared, first)
    held_out, similarity = np.full(len(parts), -1, np.int32), np.zeros(len(parts))
    _take_closest(known.near_shingles(grams.take(first)), held_out, similarity)
    may_quote = np.zeros(len(parts), bool)
    rows = Shingles(words.hashes, words.starts[np.append(first, last[-1])])
    may_quote[known.may_be_quoted(own_words(rows, known.shared))] = True
    return _same(words, first), held_out, similarity, _buckets(grams.own, first, params), may_quote


def _take_closest(hits: Iterable[Hit], held_out: npt.NDArray[np.int32], best: Floats) -> None:
    """Update for each record the closest prompt, in place; the first of equally close ones."""
    for one, other, value in hits:
        if value > best[one]:
            held_out[one], best[one] = other, value


def _same(words: Shingles, first: Indices) -> Hashes:
    """A hash of all words of each record, of each part on its own."""
    nth = np.arange(len(words.hashes)) - np.repeat(words.starts[:-1], words.sizes())
    sums = np.add.reduceat(mix(words.hashes + mix(nth.astype(np.uint64))), words.starts[:-1])
    part = np.arange(len(sums)) - np.repeat(first, np.diff(first, append=len(sums)))
    return np.add.reduceat(mix(sums + part.astype(np.uint64)), first)


def _buckets(grams: Shingles, first: Indices, params: DedupParams) -> Keys:
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


@lru_cache(1)
def _known(prompts: Prompts, threshold: float, ngram: int, shared: Shared) -> KnownTexts:
    return KnownTexts(prompts, threshold, ngram, shared)
