"""The search for leaks in the files that split wrote, in blocks of train that workers share.

Every worker reads for itself what is held out, once. A row of train is judged by itself, so that
leaks come out the same however the work is shared.
"""

import json
from collections import Counter
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from lib.core.records import Record, read_records
from lib.runtime.files import sha256
from lib.similarity.heldout import HELD_OUT, HeldOut, Leak, Search, eval_files, held_out
from lib.similarity.params import SplitParams
from lib.similarity.survey import Block, blocks
from lib.similarity.workers import Each


class Searched(NamedTuple):
    """What was compared, and what was found in it."""

    rows: dict[str, int]  # of train, val, test and each file of evals/
    hashes: dict[str, str]  # of the same
    leaks: list[Leak]


def search_files(folder: Path, params: SplitParams, each: Each) -> Searched:
    """Search FOLDER/train.jsonl for whatever is in val, test and evals/."""
    paths = {name: folder / f"{name}.jsonl" for name in ("train", *HELD_OUT)}
    paths |= {str(path): path for path in eval_files(params.benchmarks)}
    hashes = {name: sha256(path) for name, path in paths.items()}
    work = partial(
        _search_block,
        folder=folder,
        settings=params.model_dump_json(),
        state=json.dumps(hashes),  # a worker of before may hold another state of these files
    )
    parts = list(each(work, list(blocks(paths["train"]))))
    rows = Counter(file for file, _ in {(one.file, one.id) for one in _held(folder, params)})
    rows["train"] = sum(count for count, _ in parts)
    return Searched(
        {name: rows[name] for name in paths}, hashes, [leak for _, some in parts for leak in some]
    )


def _held(folder: Path, params: SplitParams) -> list[HeldOut]:
    splits = {name: list(read_records(folder / f"{name}.jsonl")) for name in HELD_OUT}
    return held_out(splits, params.benchmarks)


@lru_cache(1)
def _search(folder: Path, settings: str, state: str) -> Search:
    params = SplitParams.model_validate_json(settings)
    return Search(_held(folder, params), params)


def _search_block(block: Block, folder: Path, settings: str, state: str) -> tuple[int, list[Leak]]:
    """(rows, leaks) of a block of train."""
    with (folder / "train.jsonl").open("rb") as file:
        file.seek(block[0])
        lines = file.read(block[1] - block[0]).splitlines()
    train: list[Record] = [json.loads(line) for line in lines]
    return len(train), _search(folder, settings, state).leaks(train)
