"""Is the embedded base good enough for the demo? The default method from it, over five seeds.

usage   make demo, then python -m benchmarks.tiny_base
reads   build/demo/ticket-triage (its data, params and code; left as they are)
writes  build/tiny-base/, and one table on standard output
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

TEMPLATE = Path(__file__).parents[1]
DEMO = TEMPLATE / "build/demo/ticket-triage"
WORK = TEMPLATE / "build/tiny-base"
SEEDS = (1, 2, 3, 4, 5)


def stage(name: str, *arguments: str) -> None:
    """Run one stage of the copy."""
    command = [sys.executable, "-m", f"stages.{name}", *arguments]
    subprocess.run(command, cwd=WORK, check=True, stdout=subprocess.DEVNULL)


def seed_run(seed: int) -> dict[str, Any]:
    """Train with this seed and evaluate; figures of the test split."""
    yaml = YAML()
    params = yaml.load(WORK / "params.yaml")
    params["train"]["seed"] = seed
    yaml.dump(params, WORK / "params.yaml")
    shutil.rmtree(WORK / "models", ignore_errors=True)
    stage("train")
    stage("eval", "tuned")
    return {"seconds": read("speed")["seconds"], **read("eval/tuned")["test"]}


def read(name: str) -> dict[str, Any]:
    """metrics/NAME.json of the copy."""
    return json.loads((WORK / f"metrics/{name}.json").read_text(encoding="utf-8"))


def main() -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    links = shutil.ignore_patterns(".git", ".dvc", "models")
    shutil.copytree(DEMO, WORK, ignore=links)
    stage("eval", "base")
    base = read("eval/base")["test"]["exact_match"]
    print(
        "| seed | training, s | base | tuned | gain, points |\n| ---: | ---: | ---: | ---: | ---: |"
    )
    for seed in SEEDS:
        run = seed_run(seed)
        gain = 100 * (run["exact_match"] - base)
        row = f"{seed} | {run['seconds']:.0f} | {base:.1%} | {run['exact_match']:.1%} | {gain:+.1f}"
        print(f"| {row} |", flush=True)


if __name__ == "__main__":
    main()
