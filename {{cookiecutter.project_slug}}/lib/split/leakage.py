"""Check for leakage: search the train file that split wrote for everything held out.

The search is exact and independent of the MinHash sketches with which dedup and split find copies,
so it finds what they miss. Every worker reads the held-out texts once; rows of train are judged one
by one, so the result does not depend on how the work is shared.
"""

import json
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from lib.core.records import Record, RecordFile, prompt_texts, row_text
from lib.core.strict_json import loads
from lib.runtime.errors import UserError
from lib.runtime.files import sha256
from lib.similarity.heldout import HELD_OUT, HeldOut, eval_files, held_out
from lib.similarity.hit import Hit
from lib.similarity.near_copies import KnownTexts, search_rows
from lib.similarity.own_words import Shared
from lib.similarity.params import SplitParams
from lib.similarity.workers import Block, Each, blocks, read_block

_MOST = 5  # leaks named in an error message


class Leak(NamedTuple):
    """A train row that quotes, resembles or shares a group with a held-out prompt."""

    train: str  # the row's id
    kind: str  # exact, near, contained or group
    held: HeldOut
    similarity: float  # Jaccard similarity; the containment where kind is contained

    def __str__(self) -> str:
        share = f" {self.similarity:.2f}" if self.kind in ("near", "contained") else ""
        return f"{self.train} ~ {self.held.file} {self.held.id} ({self.kind}{share})"


class LeakSearch:
    """Searches rows for held-out prompts; the index of those is built once."""

    def __init__(self, held: list[HeldOut], params: SplitParams, shared: Shared = b"") -> None:
        """held: the prompts to search for; params: its `threshold` and `ngram` are used; shared:
        passages to ignore."""
        self.held = held
        prompts = [one.prompt for one in held]
        self.prompts = KnownTexts(prompts, params.threshold, params.ngram, shared)
        self.asking = [index for index, one in enumerate(held) if one.question]
        questions = [held[index].question for index in self.asking]
        self.questions = KnownTexts(questions, params.threshold, params.ngram, shared)
        self.group: dict[str, int] = {}
        for index, one in enumerate(held):
            for group in filter(None, one.groups):
                self.group.setdefault(group, index)

    def leaks(self, train: list[Record]) -> list[Leak]:
        """Find every pair of a row and a held-out prompt that share a group or (nearly) a text.

        Rows are judged one by one, so a file can be searched in parts.
        """
        found: dict[tuple[int, int], Leak] = {}
        for kind, hits in self._searches(train):
            for one, other, similarity in hits:
                leak = Leak(train[one]["id"], kind, self.held[other], similarity)
                found.setdefault((one, other), leak)
        return [found[pair] for pair in sorted(found)]

    def _searches(self, train: list[Record]) -> Iterator[tuple[str, list[Hit]]]:
        """Yield (kind, hits), the strictest kind first."""
        asked = [prompt_texts(record) for record in train]
        last = [some[-1:] for some in asked]  # chats that share a question may differ otherwise
        yield "exact", search_rows(self.prompts.same, asked)
        yield "exact", self._of_questions(search_rows(self.questions.same, last))
        yield "near", _closest_first(search_rows(self.prompts.near, asked))
        yield "near", self._of_questions(search_rows(self.questions.near, last))
        yield "contained", self.prompts.quoted(map(row_text, train))
        yield (
            "group",
            [
                Hit(index, self.group[group], 1.0)
                for index, record in enumerate(train)
                for group in record["groups"]
                if group in self.group
            ],
        )

    def _of_questions(self, hits: list[Hit]) -> list[Hit]:
        return [hit._replace(other=self.asking[hit.other]) for hit in hits]


def _closest_first(hits: list[Hit]) -> list[Hit]:
    return sorted(hits, key=lambda hit: -hit.similarity)


class Searched(NamedTuple):
    """What the leakage check compared, and the leaks it found."""

    rows: dict[str, int]  # of train, val, test and each file of evals/
    hashes: dict[str, str]  # of the same
    leaks: list[Leak]


def search_files(folder: Path, params: SplitParams, each: Each, shared: Shared = b"") -> Searched:
    """Search FOLDER/train.jsonl for the prompts of val, test and evals/; `each` shares the work."""
    paths = {name: folder / f"{name}.jsonl" for name in ("train", *HELD_OUT)}
    paths |= {str(path): path for path in eval_files(params.benchmarks)}
    hashes = {name: sha256(path) for name, path in paths.items()}
    work = partial(
        _search_block,
        folder=folder,
        settings=params.model_dump_json(),
        shared=shared,
        state=json.dumps(hashes),  # a worker may have cached an earlier state of these files
    )
    parts = list(each(work, list(blocks(paths["train"]))))
    rows = Counter(file for file, _ in {(one.file, one.id) for one in _held(folder, params)})
    rows["train"] = sum(count for count, _ in parts)
    return Searched(
        {name: rows[name] for name in paths}, hashes, [leak for _, some in parts for leak in some]
    )


def _held(folder: Path, params: SplitParams) -> list[HeldOut]:
    splits = {name: RecordFile(folder / f"{name}.jsonl") for name in HELD_OUT}
    return held_out(splits, params.benchmarks)


@lru_cache(1)
def _search(folder: Path, settings: str, shared: Shared, state: str) -> LeakSearch:
    params = SplitParams.model_validate_json(settings)
    return LeakSearch(_held(folder, params), params, shared)


def _search_block(
    block: Block, folder: Path, settings: str, shared: Shared, state: str
) -> tuple[int, list[Leak]]:
    """Return (rows, leaks) of a block of train."""
    lines = read_block(folder / "train.jsonl", block)
    train: list[Record] = [loads(line) for line in lines]
    return len(train), _search(folder, settings, shared, state).leaks(train)


def leak_error(leaks: list[Leak]) -> UserError:
    """Build the error that names the leaking rows and the cure."""
    rows = len({leak.train for leak in leaks})
    shown = ", ".join(map(str, leaks[:_MOST]))
    more = f" and {len(leaks) - _MOST} more" if len(leaks) > _MOST else ""
    kinds = Counter(leak.kind for leak in leaks)
    found = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    cures = []
    if any(leak.held.file not in HELD_OUT for leak in leaks):
        cures.append("`dvc repro` drops what resembles a case in evals/ or a benchmark")
    if any(leak.held.file in HELD_OUT for leak in leaks):
        cures.append(
            "a source fixes the split of these rows (data.sources): set split.on_leak to "
            "drop_train to "
            "drop these rows from train, or name the sources of published val and test rows first"
        )
    return UserError(
        f"data/deduped.jsonl: {rows} train rows leak held-out ones ({found}): {shown}{more}; "
        + "; ".join(cures)
    )
