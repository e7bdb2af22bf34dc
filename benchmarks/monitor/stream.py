"""Speed and memory of the monitor over a long log.

usage   python -m benchmarks.monitor.stream PROJECT [LINES]
reads   a generated project whose `dvc repro` is through
prints  lines a CPU second on one core, and the peak of resident memory, reading to report

The log is written to a temporary folder: tickets of the test split without digits (none passes the
gates of the search for personal data), each made a new text by a word that no other line has.
"""

import itertools
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def write(path: Path, lines: int) -> None:
    """The log."""
    from lib.core.records import read_objects
    from monitor.run import read_reference
    from tests.toy_logs import row

    rows = read_objects(f"predictions/{read_reference().system}.jsonl")
    pairs = [(one["prompt"], one["output"]) for one in rows if one["set"] == "test"]
    plain = itertools.cycle(pair for pair in pairs if not re.search(r"[@\d]", pair[0]))
    names = map("".join, itertools.product(LETTERS, repeat=5))
    with path.open("w", encoding="utf-8") as file:
        for at, (prompt, answer), name in zip(range(lines), plain, names, strict=False):
            line = row(at, f"{prompt} {name}", answer)
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def main() -> None:
    """Measure."""
    os.chdir(sys.argv[1])
    sys.path.insert(0, str(Path.cwd()))
    lines = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.jsonl"
        write(log, lines)
        command = [sys.executable, "-m", "monitor.run", str(log)]
        subprocess.run(command, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"})
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = used.ru_utime + used.ru_stime
        print(f"{lines:,} lines, {log.stat().st_size / 1e6:,.0f} MB: {seconds:.1f} CPU seconds")
        print(f"{lines / seconds:,.0f} lines a second, {used.ru_maxrss / 1024:,.0f} MB at the peak")


if __name__ == "__main__":
    main()
