"""Near-duplicate removal: ours against datasketch, rensa, Daft, text-dedup and datatrove.

usage   python -m benchmarks.dedup.run FOLDER COUNT PEERS [NAME ...]
        FOLDER is written and kept, COUNT documents (20000, 200000, 1000000); PEERS is the Python
        of an environment made with: python -m venv peers && peers/bin/pip install -r peers.txt
        NAME picks some of search, stage, datasketch, rensa, daft, text_dedup, datatrove
prints  versions, and a table: CPU seconds and peak memory of a process each (its children
        included), recall and precision against an exact join

`search` is our near_copies_in on the same texts as the peers; `stage` is the whole dedup stage on
records: JSON in and out, exact copies, near copies of prompts and of records, the search for 200
golden cases, every pair verified.
"""

import importlib.metadata
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "{{cookiecutter.project_slug}}"
sys.path.insert(0, str(PROJECT))

from lib.similarity.hit import Hit  # noqa: E402
from lib.similarity.near_copies import KnownTexts  # noqa: E402

from benchmarks.dedup import corpus, peers  # noqa: E402

GOLDEN = 200
WHOLE, SOME = 200_000, 20_000  # the exact join takes all of so many documents; else some of them
PARAMS = (
    f"dedup: {{threshold: {peers.THRESHOLD}, evals_threshold: 0.6, ngram: {peers.NGRAM}, "
    f"permutations: {peers.PERMUTATIONS}, seed: 1, processes: 1}}\n"
    f"split: {{seed: 0, val: 0.1, test: 0.1, threshold: 0.6, ngram: {peers.NGRAM}, "
    "on_leak: fail}\n"
    "task: {system: '', output: text}\n"
)


class Cost(NamedTuple):
    """What a process used."""

    cpu: float  # seconds, user and system
    peak: float  # MB


def lay_out(folder: Path, count: int) -> None:
    """The corpus, and what the stage needs beside it: golden cases are shuffled documents."""
    corpus.write(count, folder)
    (folder / "evals").mkdir(exist_ok=True)
    (folder / "evals/adversarial.jsonl").touch()
    (folder / "params.yaml").write_text(PARAMS, encoding="utf-8")
    texts = next(pq.ParquetFile(folder / "texts.parquet").iter_batches(3 * GOLDEN))["text"]
    with (folder / "evals/golden.jsonl").open("w", encoding="utf-8") as file:
        for place, text in enumerate(texts.to_pylist()[::3]):
            words = text.split()
            random.Random(place).shuffle(words)
            turns = [{"role": "user", "content": " ".join(words)}]
            turns += [{"role": "assistant", "content": "ok"}]
            file.write(json.dumps({"id": f"g{place}", "messages": turns}) + "\n")


def step_of(count: int) -> int:
    """Every so many-th document is joined with all others."""
    return 1 if count <= WHOLE else count // SOME


def exact_join(folder: Path) -> list[Hit]:
    """Every pair of different documents at least as similar as the threshold, where the second
    is one of those joined."""
    texts = pq.read_table(folder / "texts.parquet", columns=["text"])["text"].to_pylist()
    step = step_of(len(texts))
    hits = KnownTexts(texts[::step], peers.THRESHOLD, peers.NGRAM).near(texts)
    return [hit._replace(other=hit.other * step) for hit in hits if hit.one != hit.other * step]


def run(name: str, folder: Path, python: str) -> tuple[np.ndarray, Cost]:
    """(ids that stay, cost) of one tool."""
    kept, texts = folder / f"{name}.npy", folder / "texts.parquet"
    command, place = [python, peers.__file__, name, str(texts), str(kept)], folder
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
    if name == "search":
        command = [sys.executable, "-m", "benchmarks.dedup.ours", str(texts), str(kept)]
        place = ROOT
    if name == "stage":
        command = [sys.executable, "-m", "stages.dedup"]
        environment["PYTHONPATH"] = str(PROJECT)
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(command, cwd=place, env=environment, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{name} failed; see {folder / name}.log")
    if name == "stage":
        with (folder / "data/deduped.jsonl").open(encoding="utf-8") as lines:
            np.save(kept, np.array([int(line[8:24], 16) for line in lines]))
    cost = Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
    print(f"{name}: {cost.cpu:.1f} CPU s", file=sys.stderr, flush=True)
    return np.load(kept), cost


def quality(kept: np.ndarray, hits: list[Hit], count: int) -> list[float]:
    """Recall at 0.85 and at 0.8, as the share of pairs of which one is gone; precision, as the
    share of what is gone that has a pair."""
    gone = np.ones(count, bool)
    gone[kept] = False
    pairs = np.array([hit[:2] for hit in hits])
    values = np.array([hit.similarity for hit in hits])
    found = gone[pairs].any(axis=1)
    joined = np.arange(0, count, step_of(count))
    right = np.isin(joined[gone[joined]], pairs[:, 1])
    return [found[values >= 0.85].mean(), found.mean(), right.mean()]


def versions(python: str) -> str:
    """What is compared."""
    names = [
        line.split("=")[0].split("[")[0] for line in (Path(__file__).parent / "peers.txt").open()
    ]
    code = (
        "import sys, importlib.metadata as m; print(*(f'{n} {m.version(n)}' for n in sys.argv[1:]))"
    )
    names = ["numpy", "pyarrow", *(name.strip() for name in names if name[0] not in "# ")]
    done = subprocess.run([python, "-c", code, *names], capture_output=True, text=True, check=True)
    return f"peers: {done.stdout.strip()}; ours: numpy {importlib.metadata.version('numpy')}"


def main() -> None:
    folder, count, python = Path(sys.argv[1]).resolve(), int(sys.argv[2]), sys.argv[3]
    names = sys.argv[4:] or ["search", "stage", *peers.PEERS]
    lay_out(folder, count)
    size = (folder / "data/curated.jsonl").stat().st_size
    print(f"{count:,} documents, {size / count:.0f} bytes a record; {versions(python)}")
    results = {name: run(name, folder, python) for name in names}  # first: a child's peak memory
    hits = exact_join(folder)  # is no lower than what its parent had when it began
    print(f"exact join: {len(hits):,} pairs at {peers.THRESHOLD} or more, each from both sides\n")
    print("| tool | CPU s | docs / CPU s | peak MB | recall >= 0.85 | recall >= 0.8 | precision |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, (kept, cost) in results.items():
        shares = " | ".join(f"{share:.4f}" for share in quality(kept, hits, count))
        speed = f"{cost.cpu:.1f} | {count / cost.cpu:,.0f} | {cost.peak:,.0f}"
        print(f"| {name} | {speed} | {shares} |")


if __name__ == "__main__":
    main()
