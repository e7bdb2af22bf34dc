"""The data stages on generated rows: CPU seconds and peak memory against the number of rows.

usage   python -m benchmarks.scale.run FOLDER ROWS [STAGE...]
        ROWS such as 100000; stages: curate dedup split data_spec (all, in this order)
writes  FOLDER/ROWS, and adds lines to FOLDER/scale.jsonl, which `benchmarks.scale.picture` draws

A row is the question and the answer of a chat in about 0.45 kB: 60 words of the dedup benchmark's
corpus (syllables by a bigram chain, one document in five a copy), and a short answer. One stage
runs at a time, in one process; the peak is that of the stage, its children included.
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.dedup.corpus import documents

TEMPLATE = Path(__file__).parents[2]
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
STAGES = ("curate", "dedup", "split", "data_spec")
WORDS = 60  # of a document that a row keeps
PARAMS: dict[str, Any] = {
    "task": {"system": "", "output": "text"},
    "base": {"model": "base", "license": "Apache-2.0"},
    "data": {
        "sources": [{"path": "data/raw/rows.jsonl", "license": "CC0-1.0", "consent": "not_needed"}]
    },
    "curate": {
        "licenses": ["CC0-1.0"],
        "languages": [],
        "min_chars": 1,
        "max_tokens": 4096,
        "pii": {
            "entities": ["EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS"],
            "regions": ["US", "GB", "DE"],
            "score": 0.35,
        },
    },
    "dedup": {
        "threshold": 0.8,
        "evals_threshold": 0.6,
        "ngram": 3,
        "permutations": 128,
        "seed": 1,
        "processes": 1,
    },
    "split": {
        "seed": 0,
        "val": 0.01,
        "test": 0.01,
        "threshold": 0.6,
        "ngram": 3,
        "on_leak": "drop_train",
    },
}


def lay_out(folder: Path, count: int) -> None:
    """What the stages need besides their code; nothing where it is there."""
    raw = folder / "data/raw/rows.jsonl"
    if raw.exists():
        return
    for name in ("data/raw", "evals"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "base").symlink_to(PROJECT / "base")
    shutil.copy(PROJECT / "data/README.md", folder / "data/README.md")
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(PARAMS, file)
    for name in ("golden", "adversarial"):
        (folder / f"evals/{name}.jsonl").touch()
    with raw.open("w", encoding="utf-8") as file:
        for place, text in enumerate(documents(count)):
            words = " ".join(text.split()[:WORDS])
            row = {"prompt": f"{words}?", "completion": f"answer {place % 97}", "place": str(place)}
            file.write(json.dumps(row) + "\n")


def measured(stage: str, folder: Path) -> dict[str, Any]:
    """Run a stage that must succeed: CPU and wall seconds, and its peak in megabytes."""
    env = os.environ | {"PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    os.chdir(folder)
    started = time.perf_counter()
    command = [sys.executable, "-m", f"stages.{stage}"]
    pid = os.spawnve(os.P_NOWAIT, sys.executable, command, env)  # noqa: S606
    _, status, used = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{stage} failed")
    wall = time.perf_counter() - started
    cpu = used.ru_utime + used.ru_stime
    return {"cpu_s": round(cpu, 1), "wall_s": round(wall, 1), "peak_mb": used.ru_maxrss // 1024}


def main() -> None:
    folder, count = Path(sys.argv[1]).resolve(), int(sys.argv[2])
    project = folder / str(count)
    lay_out(project, count)
    for stage in sys.argv[3:] or STAGES:
        found = {"stage": stage, "rows": count, **measured(stage, project)}
        print(found, flush=True)
        with (folder / "scale.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
