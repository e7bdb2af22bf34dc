"""Propose pairs with datasketch's MinHash and LSH index, as a reference for our own search.

It proposes all pairs in a bucket, so its time grows with the square of the number of copies, and
its index takes about 7 kB per record: for checks of our own search, not for large data.
"""

from pathlib import Path
from typing import Any

import numpy as np

from lib.core.records import answers_of, prompt_text
from lib.core.strict_json import loads
from lib.runtime.errors import UserError
from lib.similarity.minhash import bands
from lib.similarity.own_words import Shared, sets_of
from lib.similarity.params import DedupParams
from lib.similarity.shingles import IndexPairs
from lib.similarity.spans import Spans

ALSO = 1 << 31  # distinguishes the n-grams of answers from those of prompts


def propose(
    path: Path, spans: Spans, params: DedupParams, shared: Shared, recall: float
) -> IndexPairs:
    """List the pairs of records (earlier, later) that datasketch finds similar.

    spans: where their lines are in the file. Raises UserError where datasketch is missing.
    """
    try:
        from datasketch import MinHashLSH
    except ImportError:
        raise UserError(
            "params.yaml: dedup.engine: datasketch needs the package datasketch, which is not "
            "installed; `pip install '.[data]'`"
        ) from None
    shape = bands(params.threshold, params.permutations, recall)
    indexes = [MinHashLSH(num_perm=params.permutations, params=shape) for _ in ("asked", "all")]
    pairs = set[tuple[int, int]]()
    with path.open("rb") as file:
        for later, (start, end) in enumerate(spans.tolist()):
            file.seek(start)
            sketches = sketches_of(loads(file.read(end - start)), params, shared)
            for index, sketch in zip(indexes, sketches, strict=True):
                pairs.update((earlier, later) for earlier in index.query(sketch))
                index.insert(later, sketch)
    return np.array(sorted(pairs), np.int64).reshape(-1, 2)


def sketches_of(record: Any, params: DedupParams, shared: Shared) -> list[Any]:
    """Return the MinHashes of a record's prompt, and of prompt and answers together."""
    from datasketch import MinHash

    sketches = [MinHash(params.permutations, params.seed, hashfunc=int) for _ in ("asked", "all")]
    for number, text in enumerate([prompt_text(record), *answers_of(record)]):
        own = sets_of([text], params.ngram, shared if number == 0 else b"").own.hashes
        grams = (own >> np.uint64(32)) ^ np.uint64(ALSO if number else 0)
        for sketch in sketches if number == 0 else sketches[1:]:
            sketch.update_batch(grams.tolist())
    return sketches
