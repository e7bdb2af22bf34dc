"""The loop closes: launch, drift, alarm, harvest, a person's decisions, training, no alarm.

usage   python -m benchmarks.monitor.loop PROJECT     (a copy: data, params.yaml and models change)
reads   a generated project whose `dvc repro` is through
prints  each step's outcome; stops with an error at the first that is not as it should be

Of 1,000 requests 5 % are of a product line that training does not know. The person labels each
proposal of a drifted scenario by the guidelines, and drops the others. The log after the new
release has the same 5 %, other draws, answered by what the new release is most likely to say.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SHARE = 0.05
RIGHT = '{"intent": "broken", "product": "none", "urgency": "normal"}'


def run(expected: int, *command: str) -> str:
    """A command of the project, which must end with this exit code."""
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    last = (done.stdout or done.stderr).strip().splitlines()[-1:]
    print(f"{' '.join(command)}: exit {done.returncode}, {time.monotonic() - start:.0f} s: {last}")
    if done.returncode != expected:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    return done.stdout


def log_of(system: str, seed: int, answer: str | None) -> str:
    """A window's log: tickets of the test split as the release answered them, and the drift."""
    from lib.records import read_objects
    from tests.toy_logs import PARTS, draw, write_log

    rows = read_objects(f"predictions/{system}.jsonl")
    pairs = [(one["prompt"], one["output"]) for one in rows if one["set"] == "test"]
    log = draw(pairs, 1000, seed, scenario=SHARE)
    things = tuple(thing for parts in PARTS.values() for thing in parts[0])
    for one in log:
        if answer and one["request"]["messages"][0]["content"].startswith(things):
            one["response"]["choices"][0]["message"]["content"] = answer
    return str(write_log(Path(f"window-{seed}.jsonl"), log))


def decide() -> int:
    """The person: label what is new, drop the rest."""
    path = Path("data/harvest.jsonl")
    rows: list[dict[str, Any]] = [json.loads(line) for line in path.open(encoding="utf-8")]
    for row in rows:
        new = "drifted_scenario" in row["reasons"]
        row |= {"decide": "train" if new else "drop", "answer": RIGHT if new else row["answer"]}
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path.write_text("".join(lines), encoding="utf-8")
    return sum(row["decide"] == "train" for row in rows)


def main() -> None:
    """Close the loop."""
    os.chdir(sys.argv[1])
    sys.path.insert(0, str(Path.cwd()))
    python = sys.executable
    system = json.loads(Path("reports/monitor/reference.json").read_text())["system"]
    run(0, python, "-m", "monitor.run", log_of_release(system))
    drifted = log_of(system, 1, None)
    run(2, python, "-m", "monitor.run", drifted)
    run(0, python, "-m", "monitor.harvest", drifted)
    print(f"the person labels {decide()} records")
    run(0, python, "-m", "monitor.accept")
    run(0, "dvc", "repro", "monitor_reference")
    run(0, python, "-m", "monitor.run", log_of(system, 2, RIGHT))


def log_of_release(system: str) -> str:
    """A window without any drift."""
    from lib.records import read_objects
    from tests.toy_logs import draw, write_log

    rows = read_objects(f"predictions/{system}.jsonl")
    pairs = [(one["prompt"], one["output"]) for one in rows if one["set"] == "test"]
    return str(write_log(Path("window-0.jsonl"), draw(pairs, 1000, 0)))


if __name__ == "__main__":
    main()
