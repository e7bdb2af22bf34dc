"""Curate against `datasets` on the same rows with the same checks: rows a second and peak memory.

usage   python -m benchmarks.curate.run [MEGABYTES [FORMAT...]]      (20 MB of jsonl)
writes  build/curate

`datasets` maps and filters with curate's own check function, so what differs is the plumbing: Arrow
tables on disk there; here rows in a stream, with a ledger, rejected rows and the conflict check.
Personal data is looked for by neither: benchmarks/pii measures that.
"""

import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.curate.corpus import make

TEMPLATE = Path(__file__).parents[2]
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
WORK = TEMPLATE / "build/curate"
FIELDS = {
    "intent": [
        *("refund", "delivery", "broken", "setup", "billing"),
        *("account", "cancel", "question", "out_of_scope"),
    ],
    "product": ["router", "camera", "thermostat", "doorbell", "lock", "app", "none"],
    "urgency": ["low", "normal", "high"],
}
PARAMS: dict[str, Any] = {
    "task": {"system": "", "output": "json", "fields": FIELDS, "scenario": "intent"},
    "base": {"model": "base", "license": "Apache-2.0"},
    "curate": {
        "licenses": ["CC0-1.0"],
        "languages": ["en", "zh", "de", "es"],
        "min_chars": 1,
        "max_tokens": 384,
        "pii": {"entities": [], "regions": [], "score": 0.35},
    },
}


def lay_out(corpus: Path) -> None:
    """What the stage needs besides its code."""
    (WORK / "base").unlink(missing_ok=True)
    (WORK / "base").symlink_to(PROJECT / "base")
    source = {"path": f"data/raw/{corpus.name}", "license": "CC0-1.0", "consent": "not_needed"}
    with (WORK / "params.yaml").open("w") as file:
        YAML().dump(PARAMS | {"data": {"sources": [source]}}, file)


def measured(*command: str) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and peak megabytes of a command that must succeed."""
    env = os.environ | {"PYTHONPATH": f"{PROJECT}:{TEMPLATE}", "OMP_NUM_THREADS": "1"}
    started = time.perf_counter()
    pid = os.spawnve(os.P_NOWAIT, sys.executable, [sys.executable, "-m", *command], env)  # noqa: S606
    _, status, used = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{command[0]} failed")
    wall = time.perf_counter() - started
    return used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    names = ("datasets", "pyarrow", "tokenizers", "ftfy", "pycld2", "kingfisher-secret-scanner")
    print(f"Python {platform.python_version()},", ", ".join(f"{n} {version(n)}" for n in names))
    print("| format | rows | system | kept | CPU s | rows / CPU s | wall s | peak MB |")
    print("| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    for form in sys.argv[2:] or ["jsonl"]:
        corpus = make(WORK / "data/raw", megabytes, form)
        lay_out(corpus)
        os.chdir(WORK)
        for module in ("stages.curate", "benchmarks.curate.peer"):
            cpu, wall, memory = measured(module, str(corpus))
            found = json.loads(Path("metrics/curate.json").read_text())
            rows, kept = found["rows_in"], found["rows_kept"]
            print(
                f"| {form}, {megabytes} MB | {rows:,} | {module} | {kept:,} | {cpu:.1f} | "
                f"{rows / cpu:,.0f} | {wall:.1f} | {memory:.0f} |",
                flush=True,
            )
        corpus.unlink()


if __name__ == "__main__":
    main()
