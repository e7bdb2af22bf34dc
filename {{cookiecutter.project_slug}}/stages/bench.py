"""Measure latency, throughput and size before and after quantization.

reads   models/{tuned,quantized}, data/split/test.jsonl
writes  metrics/bench.json (timings: of this machine, at this moment)
"""

import asyncio
import time
from itertools import cycle, islice
from typing import Any, TypeVar

from lib.chat import encode_prompt, with_system
from lib.config import load
from lib.engines import hf, server
from lib.engines.timing import summarise
from lib.errors import UserError, run
from lib.files import write_json
from lib.models import (
    QUANTIZED,
    TUNED,
    deterministic,
    load_tokenizer,
    torch_device,
)
from lib.params.base import BaseParams
from lib.params.bench import BenchParams
from lib.params.hardware import HardwareParams
from lib.params.task import TaskParams
from lib.quantize.read import load_weights, weights_size
from lib.records import Message, is_pair, prompt_of, read_records

TEST = "data/split/test.jsonl"
MODELS = {"tuned": TUNED, "quantized": QUANTIZED}
WARM_UP = 2

Figures = dict[str, Any]
T = TypeVar("T")


def read_chats(params: BenchParams, system: str) -> list[list[Message]]:
    """Prompts of the test split, with the system prompt: some to warm up, then others for each
    concurrency, or a server's prefix cache would be measured. A small split comes over again."""
    count = WARM_UP + params.requests * len(params.concurrency)
    chats = [with_system(prompt_of(r), system) for r in read_records(TEST) if not is_pair(r)]
    if not chats:
        raise UserError(f"{TEST}: holds no chat to send; see metrics/split.json")
    return list(islice(cycle(chats), count))


def own_share(items: list[T], place: int, params: BenchParams) -> list[T]:
    """What the load at `place` in params.concurrency sends."""
    start = WARM_UP + place * params.requests
    return items[start : start + params.requests]


def bench_transformers(folder: str, chats: list[list[Message]], params: BenchParams) -> Figures:
    """Figures by concurrency of a model in this process; requests at once are one batch."""
    hardware = load("hardware", HardwareParams)
    deterministic(0, hardware.threads)
    tokenizer = load_tokenizer(folder)
    model = load_weights(folder, load("base", BaseParams).dtype, torch_device(hardware))
    prompts = [encode_prompt(tokenizer, chat, "") for chat in chats]
    hf.timed(model, tokenizer, prompts[:WARM_UP], params.max_new_tokens)
    figures = {}
    for place, concurrency in enumerate(params.concurrency):
        own = own_share(prompts, place, params)
        started = time.perf_counter()
        timings = []
        for start in range(0, len(own), concurrency):
            batch = own[start : start + concurrency]
            timings += hf.timed(model, tokenizer, batch, params.max_new_tokens)
        figures[f"concurrency_{concurrency}"] = summarise(timings, time.perf_counter() - started)
    return figures


def bench_server(url: str, chats: list[list[Message]], params: BenchParams) -> Figures:
    """Figures by concurrency of an OpenAI-compatible server."""
    model = server.served_model(url)
    asyncio.run(server.closed_loop(url, model, chats[:WARM_UP], 1, params.max_new_tokens))
    figures = {}
    for place, concurrency in enumerate(params.concurrency):
        own = own_share(chats, place, params)
        started = time.perf_counter()
        loop = server.closed_loop(url, model, own, concurrency, params.max_new_tokens)
        timings = asyncio.run(loop)
        figures[f"concurrency_{concurrency}"] = summarise(timings, time.perf_counter() - started)
    return figures


def measure(folder: str, chats: list[list[Message]], params: BenchParams) -> Figures:
    """Figures of one model on the chosen engine."""
    if params.engine == "transformers":
        return bench_transformers(folder, chats, params)
    with server.serving(params.command, folder, params.startup_seconds) as url:
        return bench_server(url, chats, params)


def main() -> None:
    params, task = load("bench", BenchParams), load("task", TaskParams)
    chats = read_chats(params, task.system)
    figures: Figures = {"engine": params.engine}
    if params.engine == "server" and not params.command:
        figures["served"] = bench_server(params.url, chats, params)
    else:
        for name, folder in MODELS.items():
            figures[name] = {"bytes": weights_size(folder), **measure(folder, chats, params)}
    write_json("metrics/bench.json", figures)
    print(f"bench: {', '.join(name for name in figures if name != 'engine')} on {params.engine}")


if __name__ == "__main__":
    run(main)
