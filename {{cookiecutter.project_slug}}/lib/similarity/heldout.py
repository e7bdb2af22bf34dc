"""Collect what training must not see: val, test, the cases of evals/ and published test sets."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from lib.cases.evals import CaseLine, data_files, read_either
from lib.core.records import Message, Record, prompt_of, text_of
from lib.core.text import words
from lib.runtime.errors import UserError
from lib.similarity.benchmarks import read_benchmark
from lib.similarity.containment import SHORTEST
from lib.similarity.params import Benchmark

HELD_OUT = ("val", "test")  # the splits


class HeldOut(NamedTuple):
    """A prompt that must not be trained on; `groups` is empty where it came without any."""

    file: str  # val, test or a path in evals/
    id: str
    prompt: str
    question: str = ""  # the last turn of a longer chat; empty if it has too few words
    groups: tuple[str, ...] = ()


def eval_files(benchmarks: list[Benchmark]) -> list[Path]:
    """List the files of evals/ whose prompts training must not see: cases and named benchmarks.

    Raises UserError where a named benchmark is missing.
    """
    named = list(dict.fromkeys(Path(benchmark.path) for benchmark in benchmarks))
    if gone := [path for path in named if not path.is_file()]:
        raise UserError(
            f"params.yaml: split.benchmarks names {gone[0]}, which does not exist; add the file, "
            "or remove the entry"
        )
    return [path for path in data_files() if path not in named] + named


def eval_prompts(benchmarks: list[Benchmark]) -> Iterator[HeldOut]:
    """Yield the prompts in evals/ that must not be trained on.

    These are the prompt of every case, the question of every row of a named benchmark, and the last
    question of a case with several turns.
    """
    for one in _in_evals(benchmarks):
        yield one
        if one.question:
            yield one._replace(prompt=one.question)


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


def _asked(case: CaseLine) -> list[Message]:
    """Return the prompt as records store it: without system turns."""
    return [turn for turn in case.prompt() if turn["role"] != "system"]


def _question(turns: list[Message]) -> str:
    """Return the last of several turns if it is long enough to search for quotations, else "".

    "and how?" occurs in many chats that have nothing in common."""
    last = turns[-1]["content"] if len(turns) > 1 else ""
    return last if len(words(last)) >= SHORTEST else ""


def held_out(splits: Mapping[str, Iterable[Record]], benchmarks: list[Benchmark]) -> list[HeldOut]:
    """List every prompt of val, test, the cases in evals/ and the named benchmarks."""
    drawn = [_in_split(name, record) for name in HELD_OUT for record in splits[name]]
    return drawn + list(_in_evals(benchmarks))


def _in_split(name: str, record: Record) -> HeldOut:
    turns, groups = prompt_of(record), tuple(record["groups"])
    return HeldOut(name, record["id"], text_of(turns), _question(turns), groups)
