"""How long a newcomer waits: bake, `make demo`, each stage, `dvc repro` with nothing to do.

usage   python -m benchmarks.demo [--cold]      (--cold also makes the environment from nothing)
reads   this repository's committed HEAD, cloned
writes  build/bench/, and one table on standard output
"""

import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections import deque
from importlib.metadata import version
from pathlib import Path

from cookiecutter.main import cookiecutter
from ruamel.yaml import YAML

TEMPLATE = Path(__file__).parents[1]
WORK = TEMPLATE / "build/bench"
DEMO = "build/demo/ticket-triage"
# Metrics of how long something took, and the pages and pictures that show them: two runs differ.
TIMINGS = {
    *("metrics/speed.json", "metrics/bench.json", "metrics.json"),
    "metrics/bench_requests.jsonl",
    *("reports/speed.svg", "reports/bench.svg", "reports/deployment_plan.md"),
    *("reports/summary.md", "reports/verdict.md"),
}
PACKAGES = ("cookiecutter", "dvc", "torch", "transformers", "trl", "peft", "llmcompressor")


def seconds(*command: str, cwd: Path) -> float:
    """Wall time of a command that must succeed."""
    started = time.perf_counter()
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def bake_seconds() -> float:
    """Median wall time of five bakes of the default answers."""
    times = []
    for number in range(5):
        started = time.perf_counter()
        folder = str(WORK / f"bake{number}")
        cookiecutter(str(TEMPLATE), no_input=True, default_config=True, output_dir=folder)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def clone(name: str) -> Path:
    """A fresh clone of HEAD."""
    subprocess.run(["git", "clone", "--quiet", str(TEMPLATE), str(WORK / name)], check=True)
    return WORK / name


def stage_seconds(project: Path) -> dict[str, float]:
    """Wall time of each stage of one `dvc repro`, dvc's own work included."""
    process = subprocess.Popen(
        ["dvc", "repro"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    starts, last = [("", time.perf_counter())], deque[str](maxlen=5)
    for line in process.stdout or ():
        last.append(line)
        if found := re.match(r"Running stage '(.+)'", line):
            starts.append((found[1], time.perf_counter()))
    if process.wait() != 0:
        raise SystemExit(f"dvc repro failed: {''.join(last)}")
    ends = [start for _, start in starts[1:]] + [time.perf_counter()]
    return {name or "dvc": end - start for (name, start), end in zip(starts, ends, strict=True)}


def output_hashes(project: Path) -> dict[str, str]:
    """Output -> hash of everything in dvc.lock that holds no timings."""
    lock = YAML(typ="safe").load(project / "dvc.lock")
    outs = [out for stage in lock["stages"].values() for out in stage["outs"]]
    return {out["path"]: out["md5"] for out in outs if out["path"] not in TIMINGS}


def main() -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    rows = [("bake, default answers", bake_seconds())]
    first, second = clone("first"), clone("second")
    if "--cold" in sys.argv:
        rows.append(("make demo, nothing installed", seconds("make", "demo", cwd=first)))
    else:  # use this environment
        for folder in (first, second):
            (folder / ".venv").symlink_to(TEMPLATE / ".venv")
    seconds("make", "project", cwd=second)
    stages = stage_seconds(second / DEMO)
    rows += [(f"stage {name}" if name != "dvc" else "dvc start", t) for name, t in stages.items()]
    rows.append(("dvc repro, packages installed", sum(stages.values())))
    rows.append(("dvc repro, nothing to do", seconds("dvc", "repro", cwd=second / DEMO)))
    rows.append(("make demo, nothing to do", seconds("make", "demo", cwd=second)))
    if "--cold" not in sys.argv:
        seconds("make", "demo", cwd=first)
    same = output_hashes(first / DEMO) == output_hashes(second / DEMO)

    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, "
        + ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    )
    print("\n| what | seconds |\n| --- | ---: |")
    for name, value in rows:
        print(f"| {name} | {value:.1f} |")
    print(
        f"\nTwo clones, {len(output_hashes(second / DEMO))} outputs without timings: "
        f"{'identical' if same else 'DIFFERENT'} hashes"
    )


if __name__ == "__main__":
    main()
