"""The searches of dedup: what the records of a file are, and what they are to each other.

The work is done by `each`, a `map` over this machine's processes or a cluster's (workers.py). Only
the sorting of the buckets is done here. So the result is the same wherever the work is done.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from lib.similarity.compare import Related, batches, compare, quoted
from lib.similarity.leakage import Hit
from lib.similarity.minhash import candidates
from lib.similarity.params import DedupParams
from lib.similarity.shingles import Places
from lib.similarity.survey import (
    Cases,
    Survey,
    blocks,
    by_worth,
    concatenate,
    fresh,
    nothing,
    survey,
    with_hits,
)
from lib.similarity.workers import Each

SUSPECTS = 4096  # records searched for quotations at a time


def find(path: Path, cases: Cases, params: DedupParams, each: Each) -> tuple[Survey, Related]:
    """What the records of a file are, and are to each other."""
    look = partial(survey, path, cases=cases, params=params)
    parts = list(each(look, list(blocks(path))))
    found = Survey(*concatenate(parts or [nothing()]))
    del parts
    found = with_hits(found, _quotes(path, found, cases, each))
    places = by_worth(found)  # all of a bucket are compared with its first, which stays
    places = places[np.isin(places, fresh(found))]
    pairs = np.sort(places[candidates(found.keys[places])], axis=1)
    pairs = pairs[np.lexsort(pairs.T[::-1])]
    found = found._replace(keys=found.keys[:0].copy())  # by far the largest
    near = Related(pairs, np.empty(len(pairs)), np.empty(len(pairs), np.int8))
    order = list(batches(pairs, found.starts, found.ends))
    check = partial(compare, path, params=params)
    results = each(check, [found.starts[pairs[part]] for part in order])
    for part, (similarity, relation) in zip(order, results, strict=True):
        near.similarity[part], near.relation[part] = similarity, relation
    return found, near


def _quotes(path: Path, found: Survey, cases: Cases, each: Each) -> Iterator[Hit]:
    suspects = np.flatnonzero(found.quotes & ~found.published)
    parts: list[Places] = np.split(suspects, range(SUSPECTS, len(suspects), SUSPECTS))
    look = partial(quoted, path, cases=cases)
    for places, hits in zip(parts, each(look, [found.starts[part] for part in parts]), strict=True):
        for hit in hits:
            yield hit._replace(one=int(places[hit.one]))
