"""Several processes write what one writes; they end with the stage, and say a mistake once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lib.runtime.pool import pool
from lib.runtime.processes import descendants, runs
from stages.curate import main
from tests.curating import TOKEN, ask, lay_raw, raw
from tests.toy import PARAMS, metrics

OUTPUTS = ("data/curated.jsonl", "data/rejected.jsonl", "metrics/curate.json")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lay_raw(tmp_path)


def set_processes(count: int) -> None:
    text = PARAMS.replace("max_tokens: 50", f"max_tokens: 50\n  processes: {count}")
    Path("params.yaml").write_text(text, encoding="utf-8")


def lay_files() -> None:
    """Two formats, rows dropped for many reasons, a contradiction across files."""
    rows = [ask(f"my money {at}, ana{at}@example.com", lang=at) for at in range(40)]
    raw(*rows, "{broken", ask(""), ask(f"key {TOKEN}"), ask("x", "pizza"), ask("where is it?"))
    raw("prompt,completion,note", "where is it?,setup,1", *(f"row {at},setup," for at in range(30)))
    Path("data/raw/a.jsonl").rename("data/raw/b.csv")
    raw(*rows, "{broken", ask(""), ask(f"key {TOKEN}"), ask("x", "pizza"), ask("where is it?"))


def test_the_same_for_any_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.intake.formats.PART", 500)
    monkeypatch.setattr("lib.intake.formats.MOST_ROWS", 7)
    lay_files()
    results = []
    for count in (1, 2):
        set_processes(count)
        main()
        results.append([Path(name).read_bytes() for name in OUTPUTS])
    assert results[0] == results[1]
    found = metrics("curate")
    assert found["rows_in"] == found["rows_kept"] + sum(found["dropped"].values()) == 76
    assert found["dropped"]["conflicting_label"] == 2
    lines = [json.loads(line)["line"] for line in results[1][1].splitlines()]
    assert lines == [41, 42, 43, 44, 45, 2]


def test_rows_are_parted_without_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    lay_files()
    results = []
    for part in (1 << 19, 150):
        monkeypatch.setattr("lib.intake.formats.PART", part)
        main()
        results.append([Path(name).read_bytes() for name in OUTPUTS])
    assert results[0] == results[1]


def stage(**variables: str) -> subprocess.Popen[str]:
    """Run the stage in a process of its own, as users do."""
    code = Path(__file__).parents[2]
    env = os.environ | {"PYTHONPATH": str(code)} | variables
    command = [sys.executable, "-m", "stages.curate"]

    def hear() -> None:  # a shell's background job would hand its deafness on
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    return subprocess.Popen(command, env=env, text=True, stderr=subprocess.PIPE, preexec_fn=hear)


def test_a_mistake_that_a_process_finds_is_one_line() -> None:
    lay_files()
    set_processes(2)
    Path("base/tokenizer.json").write_text("{}", encoding="utf-8")
    done = stage()
    said = done.communicate()[1].splitlines()
    assert (done.returncode, len(said)) == (2, 1)
    assert said[0].startswith("base/tokenizer.json: is not a tokenizer")


def children(process: int) -> list[int]:
    """The processes that it has started and that work, once there are two."""
    deadline = time.monotonic() + 60
    while len(found := descendants(process)) < 3 and time.monotonic() < deadline:  # and a tracker
        time.sleep(0.05)
    return found


@pytest.fixture
def working() -> Iterator[subprocess.Popen[str]]:
    """A stage at work, in two processes."""
    raw(*(ask(f"row {at}" + " x" * 20) for at in range(20_000)))
    set_processes(2)
    yield (process := stage())
    process.kill()
    process.wait()


def test_ctrl_c_leaves_no_process(working: subprocess.Popen[str]) -> None:
    started = children(working.pid)
    working.send_signal(signal.SIGINT)
    working.communicate()
    assert started
    deadline = time.monotonic() + 60
    while [one for one in started if runs(one)] and time.monotonic() < deadline:
        time.sleep(0.05)  # the tracker of resources ends after us
    assert not [one for one in started if runs(one)]
    assert not [name for name in OUTPUTS if Path(name).exists()]


def test_a_killed_process_is_one_line_with_the_place(working: subprocess.Popen[str]) -> None:
    for one in children(working.pid):
        command = Path(f"/proc/{one}/cmdline").read_text(encoding="utf-8")
        if "spawn_main" in command:
            os.kill(one, signal.SIGKILL)
            break
    said = working.communicate()[1].splitlines()
    assert working.returncode == 2
    assert said[-1].startswith("data/raw/a.jsonl:")
    assert "was killed, perhaps out of memory" in said[-1]


def refuse(part: str) -> str:
    if part == "bad":
        raise RuntimeError(part)
    return part.upper()


def make_refuse() -> Callable[[str], str]:
    return refuse


def test_results_come_in_the_order_of_the_parts_and_a_bug_is_raised_here() -> None:
    with pool(2, make_refuse) as shared:
        found = shared(["a", "b", "c", "d", "e", "bad"])
        assert [next(found) for _ in range(5)] == ["A", "B", "C", "D", "E"]
        with pytest.raises(RuntimeError, match="bad"):
            next(found)
