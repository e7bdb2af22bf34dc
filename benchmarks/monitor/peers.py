"""Our checks beside Evidently's, on the same windows: false alarms, drifts found, seconds, memory.

usage   python -m benchmarks.monitor.peers PROJECT PYTHON-WITH-EVIDENTLY [WINDOWS] [SIZE]
reads   a generated project whose `dvc repro` is through
prints  a table; each side runs in a process of its own, on what both are given: the events and
        values of each request, and how often the release had them

Evidently (`pip install evidently 'pandas<3'`: 0.7.23 cannot be imported with pandas 3) has no test
of a rise and none of a limit: it compares columns. Its `any column` alarms when one of its tests
says drift; `half the columns` is its own default for a dataset; `corrected` is `any column` with
the p-values of its tests held against our alpha, divided by their number.
"""

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

Columns = dict[str, dict[str, int]]  # of each column, how often it has a value


def measured(alarms: dict[str, dict[str, float]], start: float, windows: int) -> None:
    """Print what one side found and used, as JSON."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = (time.process_time() - start) / windows
    print(json.dumps({"alarms": alarms, "s": seconds, "mb": used.ru_maxrss / 1024}))


def ours(folder: Path) -> None:
    """lib/monitoring/checks.py."""
    from lib.config import load
    from lib.monitoring.checks import compare
    from lib.monitoring.reference import read_reference
    from lib.monitoring.signals import Counts
    from lib.params.monitor import MonitorParams

    params, release = load("monitor", MonitorParams), read_reference().counts
    kinds, start = json.loads((folder / "windows.json").read_text()), time.process_time()
    alarms = {}
    for kind, windows in kinds.items():
        fired = 0
        for calls in windows:
            counts = Counts()
            for events, values in calls:
                counts.add(events, values)
            fired += any(check.fired for check in compare(counts, release, params))
        alarms[kind] = {"ours": fired / len(windows)}
    measured(alarms, start, sum(map(len, kinds.values())))


def evidently(folder: Path) -> None:
    """Evidently's preset for data drift."""
    import pandas as pd
    from evidently import Report
    from evidently.presets import DataDriftPreset

    release: Columns = json.loads((folder / "release.json").read_text())
    alpha = json.loads((folder / "alpha.json").read_text())
    kinds, start = json.loads((folder / "windows.json").read_text()), time.process_time()
    columns = {}
    for name, counts in sorted(release.items()):
        values = [value for value, count in counts.items() for _ in range(count)]
        random.Random(name).shuffle(values)
        columns[name] = pd.Series(values, dtype="object")
    reference, alarms = pd.DataFrame(columns), {}
    for kind, windows in kinds.items():
        found = {"any column": 0, "half the columns": 0, "corrected": 0}
        for calls in windows:
            rows = [{name: str(one) for name, one in (e | v).items()} for e, v in calls]
            window = pd.DataFrame(rows).reindex(columns=sorted(release)).dropna(axis=1, how="all")
            both = reference[list(window.columns)]
            report = Report([DataDriftPreset(cat_threshold=0.05)]).run(window, both)
            share, tests = read(report.dict())
            found["any column"] += share > 0
            found["half the columns"] += share >= 0.5
            found["corrected"] += min(tests) < alpha / len(tests)
        alarms[kind] = {name: count / len(windows) for name, count in found.items()}
    measured(alarms, start, sum(map(len, kinds.values())))


def read(report: dict[str, Any]) -> tuple[float, list[float]]:
    """The share of drifted columns, and the value of each column's test."""
    share, *tests = [metric["value"] for metric in report["metrics"]]
    return share["share"], [float(one) for one in tests]


def prepare(folder: Path, windows: int, size: int) -> None:
    """Write what both sides are given."""
    from lib.config import load
    from lib.monitoring.calls import from_row
    from lib.monitoring.reference import read_reference
    from lib.params.monitor import MonitorParams
    from monitor.run import observer

    from benchmarks.monitor.simulate import draws

    params, release = load("monitor", MonitorParams), read_reference()
    watcher = observer(release, params)
    kinds = {
        kind: [[watcher.look(from_row(one)) for one in make(seed)] for seed in range(windows)]
        for kind, make in draws(release.system, size).items()
    }
    counts = release.counts
    columns: Columns = {name: dict(one) for name, one in counts.spreads.items()}
    for name, of in counts.of.items():
        columns[name] = {"True": counts.seen[name], "False": of - counts.seen[name]}
    for name, value in {"windows": kinds, "release": columns, "alpha": params.alpha}.items():
        (folder / f"{name}.json").write_text(json.dumps(value))


def main() -> None:
    """Print the table."""
    side, *rest = sys.argv[1:]
    if side in ("ours", "evidently"):
        {"ours": ours, "evidently": evidently}[side](Path(rest[0]))
        return
    here = Path(__file__).resolve()
    os.chdir(side)
    sys.path.insert(0, str(Path.cwd()))
    windows, size = (int(rest[1]), int(rest[2])) if len(rest) > 1 else (40, 1000)
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), windows, size)
        found = {}
        for name, python in {"ours": sys.executable, "evidently": rest[0]}.items():
            command = [python, "-W", "ignore", str(here), name, folder]
            env = os.environ | {"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}
            found[name] = json.loads(subprocess.check_output(command, env=env).splitlines()[-1])
    names = ["ours", "any column", "corrected", "half the columns"]
    print(f"{windows} windows of {size} requests\n| drawn from | {' | '.join(names)} |")
    print("| --- |" + " ---: |" * len(names))
    for kind, alarms in found["ours"]["alarms"].items():
        alarms |= found["evidently"]["alarms"][kind]
        print(f"| {kind} | {' | '.join(f'{alarms[name]:.1%}' for name in names)} |")
    for key, unit in {"s": "CPU seconds a window", "mb": "MB at the peak"}.items():
        print(f"{unit}: ours {found['ours'][key]:.3g}, Evidently {found['evidently'][key]:.3g}")


if __name__ == "__main__":
    main()
