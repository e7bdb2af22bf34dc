"""One peer's near-duplicate removal, as its documentation shows it, in a process of its own.

usage   python peers.py NAME texts.parquet KEPT.npy      (with the Python of the peers' environment)
writes  the ids that stay, as a NumPy array

Words are split at spaces; shingles are NGRAM words; 128 permutations in 16 bands of 8 rows, as far
as the peer can be told. All run in one process. What shares a bucket is joined: no peer verifies.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

NGRAM, PERMUTATIONS, BANDS, ROWS, THRESHOLD = 5, 128, 16, 8, 0.8
BATCH = 1000


class Union:
    """Groups of ids, the lowest one standing for each."""

    def __init__(self) -> None:
        self.parent: list[int] = []

    def add(self) -> None:
        """A new id."""
        self.parent.append(len(self.parent))

    def find(self, at: int) -> int:
        """The id that stands for the group."""
        while self.parent[at] != at:
            self.parent[at] = self.parent[self.parent[at]]
            at = self.parent[at]
        return at

    def join(self, one: int, other: int) -> None:
        """Make two groups one."""
        low, high = sorted((self.find(one), self.find(other)))
        self.parent[high] = low

    def kept(self) -> np.ndarray:
        """Ids that stand for a group."""
        return np.array([at for at in range(len(self.parent)) if self.find(at) == at])


def texts(path: str) -> Iterator[list[str]]:
    """The texts, BATCH at a time."""
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches(batch_size=BATCH, columns=["text"]):
        yield batch["text"].to_pylist()


def shingles(text: str) -> set[str]:
    """The word n-grams of a text."""
    words = text.lower().split()
    return {" ".join(words[at : at + NGRAM]) for at in range(max(1, len(words) - NGRAM + 1))}


def joined(sketches: Iterable[Any], lsh: Any) -> np.ndarray:
    """Query each sketch, join it to what was found, insert it."""
    groups = Union()
    for place, sketch in enumerate(sketches):
        groups.add()
        for found in lsh.query(sketch):
            groups.join(place, found)
        lsh.insert(place, sketch)
    return groups.kept()


def datasketch(path: str) -> np.ndarray:
    """The bulk generator with xxh3, and its LSH."""
    import xxhash
    from datasketch import MinHash, MinHashLSH

    sets = ({one.encode() for one in shingles(text)} for batch in texts(path) for text in batch)
    sketches = MinHash.generator(
        sets, num_perm=PERMUTATIONS, hashfunc=lambda one: xxhash.xxh3_64_intdigest(one) >> 32
    )
    return joined(sketches, MinHashLSH(num_perm=PERMUTATIONS, params=(BANDS, ROWS)))


def rensa(path: str) -> np.ndarray:
    """RMinHash in bulk, and its LSH."""
    from rensa import RMinHash, RMinHashLSH

    sketches = (
        sketch
        for batch in texts(path)
        for sketch in RMinHash.from_token_sets([*map(shingles, batch)], PERMUTATIONS, 42)
    )
    return joined(sketches, RMinHashLSH(THRESHOLD, PERMUTATIONS, BANDS))


def daft(path: str) -> np.ndarray:
    """Its MinHash expression, bands grouped by Daft, components by the union above."""
    import daft
    from daft import col, lit
    from daft.functions import chunk, list_count, minhash

    daft.set_runner_native(num_threads=1)
    signature = minhash(col("text"), num_hashes=PERMUTATIONS, ngram_size=NGRAM, seed=42)
    signed = daft.read_parquet(path).select(col("id"), chunk(signature, ROWS).alias("band"))
    signed = signed.with_column("number", lit(list(range(BANDS))))
    bands = signed.explode("band", "number")
    buckets = bands.groupby("number", "band").agg(col("id").list_agg().alias("ids"))
    groups = Union()
    for _ in range(daft.read_parquet(path).count_rows()):
        groups.add()
    for row in buckets.where(list_count(col("ids")) > 1).select("ids").iter_rows():
        for other in row["ids"][1:]:
            groups.join(row["ids"][0], other)
    return groups.kept()


def text_dedup(path: str) -> np.ndarray:
    """Its command with the fastest hash."""
    from datasets import load_from_disk

    with tempfile.TemporaryDirectory() as folder:
        shape = {"num_perm": PERMUTATIONS, "b": BANDS, "r": ROWS, "ngram": NGRAM}
        more = {"hash_func": "xxh3", "hash_bits": 32, "min_length": 1, "num_proc": 1}
        where = {"path": "parquet", "data_files": path, "split": "train", "column": "text"}
        where |= {"idx_column": "id", "output": f"{folder}/out", "cache_dir": f"{folder}/cache"}
        options = [f"--{key}={value}" for key, value in (shape | more | where).items()]
        subprocess.run([sys.executable, "-m", "text_dedup.minhash", *options], check=True)
        return np.array(load_from_disk(f"{folder}/out")["id"])


def datatrove(path: str) -> np.ndarray:
    """Its four steps with the local executor, one task each."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup.minhash import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.writers import JsonlWriter

    config = MinhashConfig(n_grams=NGRAM, num_buckets=BANDS, hashes_per_bucket=ROWS)
    with tempfile.TemporaryDirectory() as folder:
        names = ("signatures", "buckets", "removed", "kept")
        signatures, buckets, removed, kept = (f"{folder}/{name}" for name in names)
        reader = ParquetReader(str(Path(path).parent), glob_pattern=Path(path).name)
        steps = [
            ([reader, MinhashDedupSignature(signatures, config)], 1),
            ([MinhashDedupBuckets(signatures, buckets, config=config)], BANDS),
            ([MinhashDedupCluster(buckets, removed, config=config)], 1),
            ([reader, MinhashDedupFilter(removed), JsonlWriter(kept, compression=None)], 1),
        ]
        for place, (pipeline, tasks) in enumerate(steps):
            logs = f"{folder}/logs{place}"
            LocalPipelineExecutor(pipeline, tasks=tasks, workers=1, logging_dir=logs).run()
        lines = (line for file in Path(kept).iterdir() for line in file.open())
        return np.array(
            sorted(int(json.loads(line).get("id", 0)) for line in lines)
        )  # 0 is left out


PEERS = {one.__name__: one for one in (datasketch, rensa, daft, text_dedup, datatrove)}


def main() -> None:
    name, path, kept = sys.argv[1:]
    np.save(kept, PEERS[name](str(Path(path).resolve())))


if __name__ == "__main__":
    main()
