"""The searches of dedup on this machine, in any number of processes."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from lib.compare import Related, batches, compare, quoted
from lib.leakage import Hit
from lib.minhash import candidates
from lib.params.dedup import DedupParams
from lib.shingles import Places
from lib.survey import Cases, Survey, blocks, concatenate, fresh, nothing, survey, with_quotes

SUSPECTS = 4096  # records searched for quotations at a time

Each = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


def find(path: Path, cases: Cases, params: DedupParams) -> tuple[Survey, Related]:
    """What the records of a file are, and are to each other."""
    with _workers(params.processes) as each:
        look = partial(survey, path, cases=cases, params=params)
        parts = list(each(look, list(blocks(path))))
        found = Survey(*concatenate(parts or [nothing()]))
        del parts
        found = with_quotes(found, _quotes(path, found, cases, each))
        places = fresh(found)
        pairs = places[candidates(found.keys[places])]
        found = found._replace(keys=found.keys[:0].copy())  # by far the largest
        order = list(batches(pairs, found.starts, found.ends))
        check = partial(compare, path, params=params)
        results = list(each(check, [found.starts[pairs[part]] for part in order]))
    pairs = np.concatenate([pairs[:0], *(pairs[part] for part in order)])
    return found, Related(pairs, *concatenate([(np.empty(0), np.empty(0, np.int8)), *results]))


def _quotes(path: Path, found: Survey, cases: Cases, each: Each) -> Iterator[Hit]:
    suspects = np.flatnonzero(found.quotes & ~found.published)
    parts: list[Places] = np.split(suspects, range(SUSPECTS, len(suspects), SUSPECTS))
    look = partial(quoted, path, cases=cases)
    for places, hits in zip(parts, each(look, [found.starts[part] for part in parts]), strict=True):
        for hit in hits:
            yield hit._replace(one=int(places[hit.one]))


@contextmanager
def _workers(processes: int) -> Iterator[Each]:
    """A `map` over so many processes."""
    if processes == 1:
        yield _shown(map)
    else:
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            yield _shown(pool.map)


def _shown(each: Each) -> Each:
    def mapped(work: Callable[[Any], Any], parts: Iterable[Any]) -> Iterable[Any]:
        total = len(list(parts))
        return tqdm(each(work, parts), total=total, desc="dedup", delay=2, leave=False)

    return mapped
