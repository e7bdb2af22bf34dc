"""Measure latency, throughput and size before and after quantization.

A server is started with the arguments that `make package` packs (lib/engines/commands.py).

reads   models/{tuned,quantized}, data/split/test.jsonl
writes  metrics/bench.json (timings: of this machine, at this moment; lib/engines/timing.py says
        what they mean), metrics/bench_requests.jsonl (those of each request: a line for each model
        and load)
"""

import asyncio
import time
from collections.abc import Coroutine
from itertools import cycle, islice
from typing import Any, NamedTuple

from lib.core.config import load
from lib.core.params import BaseParams, HardwareParams, TaskParams
from lib.core.records import Message, chats_first, prompt_of, read_records, write_records
from lib.engines import hf, server
from lib.engines.commands import start_of
from lib.engines.gguf import servable
from lib.engines.params import DeployParams
from lib.engines.timing import Timing, single_requests, summarise_timings
from lib.engines.weights import load_weights, weights_size
from lib.model.chat import encode_prompt, with_system
from lib.model.loading import RELEASABLE, TUNED, deterministic, load_tokenizer, torch_device
from lib.runtime.errors import UserError, run
from lib.runtime.files import write_json
from lib.runtime.progress import tell_progress
from lib.serving import client, memory
from lib.serving.client import Length
from lib.serving.params import BenchParams, check_bench

_TEST = "data/split/test.jsonl"
WARM_UP = 2  # requests

Chats = list[list[Message]]
Measured = Coroutine[Any, Any, list[Timing]]


class LoadLevel(NamedTuple):
    """A number of requests in flight, or else a rate (per second) of random arrivals."""

    concurrency: int
    rate: float

    @property
    def name(self) -> str:
        """Return its key in metrics/bench.json."""
        return f"rate_{self.rate:g}" if self.rate else f"concurrency_{self.concurrency}"


def load_levels(params: BenchParams) -> list[LoadLevel]:
    """Return all loads to measure, in order."""
    closed = [LoadLevel(concurrency, 0.0) for concurrency in params.concurrency]
    return closed + [LoadLevel(0, rate) for rate in params.rates]


def read_chats(params: BenchParams, system: str) -> Chats:
    """Read prompts of the test split: some to warm up, and others for each load.

    They include the system prompt. The same prompts for each load would measure a server's prefix
    cache. A small split is repeated.
    """
    count = WARM_UP + params.requests * len(load_levels(params))
    chats = [with_system(prompt_of(one), system) for one in chats_first(read_records(_TEST))]
    if not chats:
        raise UserError(f"{_TEST}: holds no prompt to send; see metrics/split.json")
    if params.lengths:
        return made_up(chats, params.lengths.input, count)
    return list(islice(cycle(chats), count))


def made_up(chats: Chats, tokens: int, count: int) -> Chats:
    """Build questions of `tokens` tokens, each from another stretch of the test split's text."""
    tokenizer = load_tokenizer(TUNED)
    text = "\n".join(chat[-1]["content"] for chat in chats)
    ids = tokenizer.encode(text, add_special_tokens=False, verbose=False)
    stretches = [
        list(islice(cycle(ids), start, start + tokens))
        for start in (index * (tokens + 1) % len(ids) for index in range(count))
    ]
    return [[Message(role="user", content=tokenizer.decode(part))] for part in stretches]


def own_share(chats: Chats, index: int, params: BenchParams) -> Chats:
    """Select the chats that the load at `index` sends."""
    start = WARM_UP + index * params.requests
    return chats[start : start + params.requests]


def answer_length(params: BenchParams) -> Length:
    """Return the length of answers, by bench.lengths or bench.max_new_tokens."""
    if params.lengths:
        return Length(params.lengths.output, exact=True)
    return Length(params.max_new_tokens)


def _figures_of(timings: list[Timing], seconds: float) -> dict[str, Any]:
    """Summarize a load; "single" has each request, for a separate file."""
    return {**summarise_timings(timings, seconds), "single": single_requests(timings)}


def bench_transformers(folder: str, chats: Chats, params: BenchParams) -> dict[str, Any]:
    """Measure a model in this process, by load; concurrent requests form one batch."""
    hardware, length = load("hardware", HardwareParams), answer_length(params)
    device = torch_device(hardware)
    deterministic(0, hardware)
    memory.look_anew(device)
    started = time.perf_counter()
    tokenizer = load_tokenizer(folder)
    model = load_weights(folder, load("base", BaseParams).dtype, device)
    figures: dict[str, Any] = {"startup_seconds": round(time.perf_counter() - started, 2)}

    def timed(some: Chats) -> list[Timing]:
        prompts = [encode_prompt(tokenizer, chat, "") for chat in some]
        return hf.timed_answers(model, tokenizer, prompts, length.most, length.exact)

    timed(chats[:WARM_UP])
    levels = load_levels(params)
    for index, one in enumerate(tell_progress(f"bench {folder}", levels, len(levels), "load")):
        own = own_share(chats, index, params)
        batches = [own[at : at + one.concurrency] for at in range(0, len(own), one.concurrency)]
        started = time.perf_counter()
        timings = [timing for batch in batches for timing in timed(batch)]
        figures[one.name] = _figures_of(timings, time.perf_counter() - started)
    return figures | memory.of_this_process(device)


def bench_server(url: str, chats: Chats, params: BenchParams) -> dict[str, Any]:
    """Measure an OpenAI-compatible server, by load; one failed request ends the stage."""
    key, length = params.key_env, answer_length(params)
    model = params.model or server.served_model(url, key)

    def under(one: LoadLevel, some: Chats) -> Measured:
        if one.rate:
            return client.open_loop(url, model, some, one.rate, params.seed, length, key)
        return client.closed_loop(url, model, some, one.concurrency, length, key)

    asyncio.run(under(LoadLevel(1, 0.0), chats[:WARM_UP]))
    figures: dict[str, Any] = {}
    levels = load_levels(params)
    for index, one in enumerate(tell_progress(f"bench {url}", levels, len(levels), "load")):
        started = time.perf_counter()
        timings = asyncio.run(under(one, own_share(chats, index, params)))
        figures[one.name] = _figures_of(timings, time.perf_counter() - started)
    return figures


def bench_started(folder: str, chats: Chats, params: BenchParams) -> dict[str, Any]:
    """Start a server for a model (deploy.stack's, or the user's own) and measure it."""
    start = start_of(params.command, "bench.command", load("deploy", DeployParams))
    model = servable(start.command, folder, None, load("base", BaseParams).dtype)
    gpus = memory.on_gpus()
    started = time.perf_counter()
    patience, secret = params.startup_seconds, params.key_env
    with server.serving(start.command, model, patience, start.key, secret) as url:
        figures: dict[str, Any] = {"startup_seconds": round(time.perf_counter() - started, 2)}
        figures |= bench_server(url, chats, params)
        return figures | memory.of_servers(gpus)


def take_single(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """Remove the single requests from the figures; return them as a row for each model and load."""
    return [
        {"system": system, "load": name, **row.pop("single")}
        for system, found in figures.items()
        if isinstance(found, dict)
        for name, row in found.items()
        if isinstance(row, dict)
    ]


def main() -> None:
    params, task = load("bench", BenchParams), load("task", TaskParams)
    if params.engine == "server":
        check_bench(params, load("deploy", DeployParams))
    chats = read_chats(params, task.system)
    figures: dict[str, Any] = {"engine": params.engine}
    if params.engine == "server" and params.command == []:
        figures["served"] = bench_server(params.url, chats, params)
        figures |= {name: {"bytes": weights_size(folder)} for name, folder in RELEASABLE.items()}
    else:
        measure = bench_transformers if params.engine == "transformers" else bench_started
        for name, folder in RELEASABLE.items():
            size = {"bytes": weights_size(folder)}
            figures[name] = size | measure(folder, chats, params)
    write_records("metrics/bench_requests.jsonl", take_single(figures))
    write_json("metrics/bench.json", figures)
    own = params.engine == "server" and params.command is not None
    how = ", by bench.command and not as `make package` starts it" if own else ""
    measured = ", ".join(name for name in figures if name != "engine")
    print(f"bench: {measured} on {params.engine}{how}")


if __name__ == "__main__":
    run(main)
