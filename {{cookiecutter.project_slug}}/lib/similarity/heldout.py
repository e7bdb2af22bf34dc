"""What training must not see, and the search for it in train: the proof behind a clean test set.

The search is exact and shares nothing with the MinHash sketches by which dedup and split find
copies: what they missed, it finds.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from lib.cases.evals import Case, data_files, read_either
from lib.core.records import Message, Record, prompt_of, prompt_texts, row_text, text_of
from lib.core.text import same_text_key, words
from lib.runtime.errors import UserError
from lib.similarity.benchmarks import read_benchmark
from lib.similarity.containment import SHORTEST, index_of, quoted_in
from lib.similarity.leakage import Hit, NearIndex, search_by
from lib.similarity.params import Benchmark, DedupParams, SplitParams

HELD_OUT = ("val", "test")  # the splits
SHOWN = 5  # leaks named in an error message


class HeldOut(NamedTuple):
    """One prompt that must not be trained on; `groups` only where it came with some."""

    file: str  # val, test or a path in evals/
    id: str
    prompt: str
    question: str = ""  # the last turn alone, of a longer chat: nothing where it is a few words
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
    named = list(dict.fromkeys(Path(benchmark.path) for benchmark in benchmarks))
    if gone := [path for path in named if not path.is_file()]:
        raise UserError(
            f"params.yaml: split.benchmarks names {gone[0]}, which is not there; put it there, or "
            "take the entry out"
        )
    return [path for path in data_files() if path not in named] + named


def eval_prompts(benchmarks: list[Benchmark]) -> Iterator[tuple[Path, str, str]]:
    """Yield (file, id, prompt) of every case and every row of a named benchmark in evals/, and of
    a case of several turns (file, id, last question)."""
    for one in _in_evals(benchmarks):
        for text in filter(None, (one.prompt, one.question)):
            yield Path(one.file), one.id, text


def _in_evals(benchmarks: list[Benchmark]) -> Iterator[HeldOut]:
    columns = defaultdict[Path, list[str]](list)
    for benchmark in benchmarks:
        columns[Path(benchmark.path)].append(benchmark.column)
    for path in eval_files(benchmarks):
        for column in columns.get(path, ()):
            for key, prompt in read_benchmark(path, column):
                yield HeldOut(str(path), key, prompt)
        if path not in columns:
            for case in read_either(path):
                turns = _asked(case)
                yield HeldOut(str(path), case.id, text_of(turns), _question(turns))


def _asked(case: Case) -> list[Message]:
    """The prompt as records have theirs: without system turns."""
    return [turn for turn in case.prompt() if turn["role"] != "system"]


def _question(turns: list[Message]) -> str:
    """The last turn of several, if it is of as many words as are looked for in other texts: "and
    how?" stands in many chats that have nothing in common."""
    last = turns[-1]["content"] if len(turns) > 1 else ""
    return last if len(words(last)) >= SHORTEST else ""


def held_out(splits: dict[str, list[Record]], benchmarks: list[Benchmark]) -> list[HeldOut]:
    """Every prompt of val, test, the files of cases in evals/, and the named benchmarks."""
    drawn = [_in_split(name, record) for name in HELD_OUT for record in splits[name]]
    return drawn + list(_in_evals(benchmarks))


def _in_split(name: str, record: Record) -> HeldOut:
    turns, groups = prompt_of(record), tuple(record["groups"])
    return HeldOut(name, record["id"], text_of(turns), _question(turns), groups)


class Copies:
    """Finds exact and near copies of prompts, each known by a place."""

    def __init__(self, prompts: dict[int, str], params: SplitParams) -> None:
        self.places, texts = list(prompts), list(prompts.values())
        self.texts = _first_places([same_text_key(text)] for text in texts)
        self.near = NearIndex(texts, params.threshold, params.ngram) if texts else None

    def exact_in(self, asked: list[list[str]]) -> list[Hit]:
        """Where any text of a row is one of the prompts."""
        return self._known(_same((map(same_text_key, some) for some in asked), self.texts))

    def near_in(self, asked: list[list[str]]) -> list[Hit]:
        """Near copies of any text of a row, at most one hit a pair: the most similar."""
        if not self.near:
            return []
        rows = [place for place, some in enumerate(asked) for _ in some]
        hits = search_by(self.near, list(chain.from_iterable(asked)))
        hits = [hit._replace(one=rows[hit.one]) for hit in hits]
        return self._known(sorted(hits, key=lambda hit: -hit.similarity))

    def _known(self, hits: list[Hit]) -> list[Hit]:
        return [hit._replace(other=self.places[hit.other]) for hit in hits]


class Search:
    """Looks for leaks of what is held out; everything about that is computed once."""

    def __init__(self, held: list[HeldOut], params: SplitParams) -> None:
        self.held, prompts = held, [one.prompt for one in held]
        self.prompts = Copies(dict(enumerate(prompts)), params)
        questions = {at: one.question for at, one in enumerate(held) if one.question}
        self.questions = Copies(questions, params)
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
        whole = [some[-1:] for some in asked]  # chats with a question in common may be others
        yield "exact", self.prompts.exact_in(asked) + self.questions.exact_in(whole)
        yield "near", self.prompts.near_in(asked) + self.questions.near_in(whole)
        yield "contained", quoted_in(list(map(row_text, train)), self.quotable)
        yield "group", _same((record["groups"] for record in train), self.groups)


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
