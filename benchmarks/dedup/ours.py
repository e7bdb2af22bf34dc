"""Our near-duplicate search on the same texts as the peers, in a process of its own.

usage   python -m benchmarks.dedup.ours texts.parquet KEPT.npy
"""

import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[2] / "{{cookiecutter.project_slug}}"))

from lib.similarity.minhash import connected
from lib.similarity.near_pairs import near_copies_in
from lib.similarity.survey import RECALL

from benchmarks.dedup.peers import NGRAM, PERMUTATIONS, THRESHOLD
from benchmarks.dedup.peers import texts as read


def main() -> None:
    path, kept = sys.argv[1:]
    count = pq.ParquetFile(path).metadata.num_rows
    texts = chain.from_iterable(read(path))
    pairs, _ = near_copies_in(texts, THRESHOLD, NGRAM, PERMUTATIONS, 1, RECALL)
    np.save(kept, np.flatnonzero(connected(count, pairs) == np.arange(count)))


if __name__ == "__main__":
    main()
