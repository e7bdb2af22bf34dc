"""What training must not see, and the search for it in train: the proof behind a clean test set.

The search is exact and shares nothing with the MinHash sketches by which dedup and split find
copies: what they missed, it finds.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from lib.errors import UserError
from lib.evals import Case, data_files, read_either
from lib.params.dedup import DedupParams
from lib.params.split import Benchmark, SplitParams
from lib.records import Record, prompt_text, prompt_texts, row_text, text_of
from lib.similarity.benchmarks import read_benchmark
from lib.similarity.containment import index_of, quoted_in
from lib.similarity.leakage import Hit, NearIndex, search_by
from lib.text import same_text_key

HELD_OUT = ("val", "test")  # the splits
SHOWN = 5  # leaks named in an error message


class HeldOut(NamedTuple):
    """One prompt that must not be trained on; `groups` only where it came with some."""

    file: str  # val, test or a path in evals/
    id: str
    prompt: str
    groups: tuple[str, ...] = ()


class Leak(NamedTuple):
    """A train row that holds or resembles something held out."""

    train: str  # the row's id
    kind: str  # exact, near, contained or group
    held: HeldOut
    similarity: float  # Jaccard; the containment where kind is contained

    def __str__(self) -> str:
        share = f" {self.similarity:.2f}" if self.kind in ("near", "contained") else ""
        return f"{self.train} ~ {self.held.file} {self.held.id} ({self.kind}{share})"


def eval_files(benchmarks: list[Benchmark]) -> list[Path]:
    """Every file of data in evals/: training must not see what is in it."""
    named = [Path(benchmark.path) for benchmark in benchmarks]
    return [path for path in data_files() if path not in named] + named


def eval_prompts(benchmarks: list[Benchmark]) -> Iterator[tuple[Path, str, str]]:
    """Yield (file, id, prompt) of every case and every row of a named benchmark in evals/."""
    columns = {Path(benchmark.path): benchmark.column for benchmark in benchmarks}
    for path in eval_files(benchmarks):
        if path in columns:
            rows = read_benchmark(path, columns[path])
        else:
            rows = ((case.id, _asked(case)) for case in read_either(path))
        yield from ((path, key, prompt) for key, prompt in rows)


def _asked(case: Case) -> str:
    """The prompt as records have theirs: without system turns."""
    return text_of([turn for turn in case.prompt() if turn["role"] != "system"])


def held_out(splits: dict[str, list[Record]], benchmarks: list[Benchmark]) -> list[HeldOut]:
    """Every prompt of val, test, the files of cases in evals/, and the named benchmarks."""
    found = [
        HeldOut(name, record["id"], prompt_text(record), tuple(record["groups"]))
        for name in HELD_OUT
        for record in splits[name]
    ]
    found += [HeldOut(str(path), key, prompt) for path, key, prompt in eval_prompts(benchmarks)]
    return found


class Search:
    """Looks for leaks of what is held out; everything about that is computed once."""

    def __init__(self, held: list[HeldOut], params: SplitParams) -> None:
        self.held, prompts = held, [one.prompt for one in held]
        self.texts = _first_places([same_text_key(prompt)] for prompt in prompts)
        self.near = NearIndex(prompts, params.threshold, params.ngram) if held else None
        self.quotable = index_of(prompts)
        self.groups = _first_places(one.groups for one in held)

    def leaks(self, train: list[Record]) -> list[Leak]:
        """Every one of these rows and held-out prompt that have a group, a text or much of it in
        common. Rows are judged one by one: those of parts are those of the whole."""
        found: dict[tuple[int, int], Leak] = {}
        for kind, hits in self._searches(train):
            for one, other, similarity in hits:
                leak = Leak(train[one]["id"], kind, self.held[other], similarity)
                found.setdefault((one, other), leak)
        return [found[pair] for pair in sorted(found)]

    def _searches(self, train: list[Record]) -> Iterator[tuple[str, list[Hit]]]:
        asked = [prompt_texts(record) for record in train]
        yield "exact", _same((map(same_text_key, some) for some in asked), self.texts)
        yield "near", self._near(asked)
        yield "contained", quoted_in(list(map(row_text, train)), self.quotable)
        yield "group", _same((record["groups"] for record in train), self.groups)

    def _near(self, asked: list[list[str]]) -> list[Hit]:
        """Near copies of any prompt of a row, at most one hit a pair: the most similar."""
        if not self.near:
            return []
        rows = [place for place, some in enumerate(asked) for _ in some]
        hits = search_by(self.near, list(chain.from_iterable(asked)))
        hits = [hit._replace(one=rows[hit.one]) for hit in hits]
        return sorted(hits, key=lambda hit: -hit.similarity)


def find_leaks(train: list[Record], held: list[HeldOut], params: SplitParams) -> list[Leak]:
    """Every leak of what is held out in train."""
    return Search(held, params).leaks(train)


def _first_places(keys: Iterable[Sequence[Hashable]]) -> dict[Hashable, int]:
    """Where each of the keys at a place stands first; an empty one equals none."""
    first: dict[Hashable, int] = {}
    for place, some in enumerate(keys):
        for key in filter(None, some):
            first.setdefault(key, place)
    return first


def _same(keys: Iterable[Iterable[Hashable]], first: dict[Hashable, int]) -> list[Hit]:
    """For each of the keys at a place the place where it stands first among others."""
    return [
        Hit(place, first[key], 1.0)
        for place, some in enumerate(keys)
        for key in some
        if key in first
    ]


def check_thresholds(dedup: DedupParams, split: SplitParams) -> None:
    """Raise UserError where dedup may let through what the proof of split then finds."""
    if dedup.evals_threshold > split.threshold:
        raise UserError(
            f"params.yaml: dedup.evals_threshold is {dedup.evals_threshold}; it must be at most "
            f"split.threshold ({split.threshold}), or split finds copies of evals/ that dedup left"
        )
    if dedup.ngram != split.ngram:
        raise UserError(
            f"params.yaml: dedup.ngram is {dedup.ngram} and split.ngram {split.ngram}; they must "
            "be equal, or split finds copies of evals/ that dedup left"
        )


def leak_error(leaks: list[Leak]) -> UserError:
    """One line that names the rows and the ways out."""
    rows = len({leak.train for leak in leaks})
    shown = ", ".join(map(str, leaks[:SHOWN]))
    more = f" and {len(leaks) - SHOWN} more" if len(leaks) > SHOWN else ""
    kinds = Counter(leak.kind for leak in leaks)
    found = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    cures = []
    if any(leak.held.file not in HELD_OUT for leak in leaks):
        cures.append("`dvc repro` drops what resembles a case in evals/ or a benchmark")
    if any(leak.held.file in HELD_OUT for leak in leaks):
        cures.append(
            "a source has fixed a split here (data.sources): set split.on_leak to drop_train to "
            "drop these rows from train, or name the sources of published val and test rows first"
        )
    return UserError(
        f"data/deduped.jsonl: {rows} train rows leak held-out ones ({found}): {shown}{more}; "
        + "; ".join(cures)
    )
