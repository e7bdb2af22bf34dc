"""How often windows of production logs raise an alarm: drawn from the release, and with a drift.

usage   python -m benchmarks.monitor.simulate PROJECT [WINDOWS] [SIZE]
reads   a generated project whose `dvc repro` is through

`release`: requests drawn from train, answers from the released system's test predictions, each on
its own: what the reference was made of. `test split`: prompts and answers together from the test
split, 301 tickets over and over, which are another sample than train: harder.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

PROJECT = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path()
DRIFTS: dict[str, dict[str, float]] = {
    "test split": {},
    "new scenario, 10 %": {"scenario": 0.1},
    "language switch, 20 %": {"language": 0.2},
    "format break, 2 %": {"prose": 0.02},
    "refusals doubled": {"refused": 0.064},
}


def pairs_of(system: str) -> list[tuple[str, str]]:
    """(prompt, answer) of the test split."""
    from lib.core.records import read_objects

    rows = read_objects(f"predictions/{system}.jsonl")
    return [(row["prompt"], row["output"]) for row in rows if row["set"] == "test"]


def draws(system: str, size: int) -> dict[str, Callable[[int], list[dict[str, Any]]]]:
    """Of each kind of window, what makes one from a seed."""
    from stages.monitor_reference import prompts_of_split
    from tests.toy_logs import draw, row

    pairs, train = pairs_of(system), prompts_of_split("train")

    def released(seed: int) -> list[dict[str, Any]]:
        random = Random(seed)
        return [row(at, random.choice(train), random.choice(pairs)[1]) for at in range(size)]

    found: dict[str, Callable[[int], list[dict[str, Any]]]] = {"release": released}
    for name, drift in DRIFTS.items():
        found[name] = lambda seed, drift=drift: draw(pairs, size, seed, **drift)  # type: ignore[misc]
    return found


def main() -> None:
    """Print a table."""
    windows = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    size = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    os.chdir(PROJECT)
    sys.path.insert(0, str(PROJECT))
    from lib.core.config import load
    from lib.monitoring.calls import from_row
    from lib.monitoring.params import MonitorParams
    from lib.monitoring.reference import read_reference
    from monitor.reading import observer
    from monitor.run import judge_window

    params, release = load("monitor", MonitorParams), read_reference()
    watcher = observer(release, params)
    print(f"{windows} windows of {size} requests\n| drawn from | raised an alarm | which |")
    print("| --- | ---: | --- |")
    start = time.process_time()
    for name, make in draws(release.system, size).items():
        alarms, found = 0, Counter[str]()
        for seed in range(windows):
            window = watcher.observe(from_row(one) for one in make(seed))
            verdict, checks = judge_window(window, release, params)
            alarms += verdict == "alarm"
            found.update({check.alarm for check in checks if check.fired})
        which = ", ".join(f"{alarm} {count / windows:.1%}" for alarm, count in found.most_common())
        print(f"| {name} | {alarms / windows:.1%} | {which} |", flush=True)
    print(json.dumps({"cpu_s": round(time.process_time() - start, 1)}))


if __name__ == "__main__":
    main()
