"""Our checks beside Evidently's, on the same windows: false alarms, drifts found, seconds, memory.

usage   python -m benchmarks.monitor.peers PROJECT PYTHON-WITH-EVIDENTLY [WINDOWS] [SIZE]
reads   a generated project whose `dvc repro` is through
prints  a table; each side runs in a process of its own, on what both are given: the events and
        values of each request, and how often the release had them

Evidently (`pip install evidently 'pandas<3'`: 0.7.23 cannot be imported with pandas 3) has no test
of a rise and none of a limit: it compares columns. `any column` and `half the columns` read its
preset for data drift with its own choice of tests and thresholds, `corrected` has the chi-squared
test at our alpha divided by the number of columns; that test takes the release's shares as exact,
and a value that the release never had has p 0. Its seconds are of these two reports: some three a
window, so take few windows.
"""

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Columns = dict[str, dict[str, int]]  # of each column, how often it has a value


def measure(folder: Path, look: Callable[[Any], dict[str, bool]]) -> None:
    """Print, as JSON, the share of windows that alarm each side's readings, and what it took."""
    fired: dict[str, dict[str, list[bool]]] = {}
    seconds = []
    for line in (folder / "windows.jsonl").open():
        kind, calls = json.loads(line)
        start = time.process_time()
        for name, alarm in look(calls).items():
            fired.setdefault(kind, {}).setdefault(name, []).append(alarm)
        seconds.append(time.process_time() - start)
    alarms = {
        kind: {name: sum(found) / len(found) for name, found in readings.items()}
        for kind, readings in fired.items()
    }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"alarms": alarms, "s": sum(seconds) / len(seconds), "mb": peak}))


def ours(folder: Path) -> None:
    """lib/monitoring/checks.py."""
    from lib.core.config import load
    from lib.monitoring.checks import compare
    from lib.monitoring.params import MonitorParams
    from lib.monitoring.reference import read_reference
    from lib.monitoring.signals import Counts

    params, release = load("monitor", MonitorParams), read_reference().counts

    def look(calls: Any) -> dict[str, bool]:
        counts = Counts()
        for events, values in calls:
            counts.add(events, values)
        return {"ours": any(check.fired for check in compare(counts, release, params))}

    measure(folder, look)


def evidently(folder: Path) -> None:
    """Evidently's preset for data drift."""
    import pandas as pd
    from evidently import Report
    from evidently.presets import DataDriftPreset

    release: Columns = json.loads((folder / "release.json").read_text())
    alpha = json.loads((folder / "alpha.json").read_text())
    columns = {}
    for name, counts in sorted(release.items()):
        values = [value for value, count in counts.items() for _ in range(count)]
        random.Random(name).shuffle(values)
        columns[name] = pd.Series(values, dtype="object")
    reference = pd.DataFrame(columns)

    def look(calls: Any) -> dict[str, bool]:
        rows = [{name: str(one) for name, one in (e | v).items()} for e, v in calls]
        window = pd.DataFrame(rows).reindex(columns=sorted(release)).dropna(axis=1, how="all")
        both = window, reference[list(window.columns)]
        share = drifted(Report([DataDriftPreset()]).run(*both).dict())
        level = alpha / len(window.columns)
        strict = DataDriftPreset(cat_method="chisquare", cat_threshold=level)
        return {
            "any column": share > 0,
            "half the columns": share >= 0.5,
            "corrected": drifted(Report([strict]).run(*both).dict()) > 0,
        }

    measure(folder, look)


def drifted(report: dict[str, Any]) -> float:
    """The share of columns that drifted."""
    return float(report["metrics"][0]["value"]["share"])


def prepare(folder: Path, windows: int, size: int) -> None:
    """Write what both sides are given."""
    from lib.core.config import load
    from lib.monitoring.calls import from_row
    from lib.monitoring.params import MonitorParams
    from lib.monitoring.reference import read_reference
    from monitor.reading import observer

    from benchmarks.monitor.simulate import draws

    params, release = load("monitor", MonitorParams), read_reference()
    watcher = observer(release, params)
    with (folder / "windows.jsonl").open("w") as file:
        for kind, make in draws(release.system, size).items():
            for seed in range(windows):
                calls = [watcher.look(from_row(one)) for one in make(seed)]
                file.write(json.dumps([kind, calls]) + "\n")
    counts = release.counts
    columns: Columns = {name: dict(one) for name, one in counts.spreads.items()}
    for name, of in counts.of.items():
        columns[name] = {"True": counts.seen[name], "False": of - counts.seen[name]}
    (folder / "release.json").write_text(json.dumps(columns))
    (folder / "alpha.json").write_text(json.dumps(params.alpha))


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
