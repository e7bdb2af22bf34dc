"""Load an OpenAI-compatible server with streamed chats and time them (the bench client).

Closed loop: a fixed number of requests is in flight at all times. Open loop: requests arrive at
random at a mean rate, like those of independent users (a Poisson process), whether or not earlier
ones have been answered. The first failed request ends the measurement. Each request opens its own
connection: llama.cpp closes one after 100 requests or 5 idle seconds, and reuse would race with
that.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Iterable
from typing import Any, NamedTuple

import aiohttp
import numpy as np

from lib.core.records import Message
from lib.core.turns import request_of
from lib.engines.openai_client import headers
from lib.engines.timing import Timing
from lib.runtime.errors import UserError

_SECONDS = 600  # seconds that one answer may take


class Length(NamedTuple):
    """The most tokens of an answer; with `exact`, every answer has exactly that many."""

    most: int
    exact: bool = False


async def request(
    session: aiohttp.ClientSession, url: str, model: str, chat: list[Message], length: Length
) -> Timing:
    """Stream one greedy answer and time it; the server counts tokens (`usage`), not the chunks."""
    body = {
        "model": model,
        **request_of(chat),
        "max_tokens": length.most,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if length.exact:
        body["ignore_eos"] = True  # for vLLM and llama.cpp
    started = time.perf_counter()
    stamps, ended = list[float](), 0.0
    usage: dict[str, int] = {}
    async with session.post(f"{url}/chat/completions", json=body) as response:
        if response.status != 200:
            raise UserError(f"{url}: answered {response.status}: {(await response.text())[:200]}")
        async for line in response.content:
            chunk = parse_event(line)
            if chunk is None:
                continue
            usage, now = chunk.get("usage") or usage, time.perf_counter() - started
            if has(chunk, "delta", "content") or has(chunk, "delta", "tool_calls"):
                stamps.append(now)
            if has(chunk, "finish_reason"):
                ended = now
    if not usage.get("completion_tokens"):
        raise UserError(f"{url}: reported no token usage, which the figures need")
    if length.exact and usage["completion_tokens"] != length.most:
        raise UserError(
            f"{url}: returned {usage['completion_tokens']} tokens, but bench.lengths asks for "
            f"{length.most}: it does not support `ignore_eos`; set bench.lengths to null"
        )
    stamps = stamps or [ended or now]  # only an end-of-turn token
    total = max(ended, stamps[-1])
    return Timing(tuple(stamps), total, usage.get("prompt_tokens", 0), usage["completion_tokens"])


def parse_event(line: bytes) -> dict[str, Any] | None:
    """Parse the data line of a server-sent event as JSON; None for other lines and [DONE]."""
    if not line.startswith(b"data:") or line[5:].strip() == b"[DONE]":
        return None
    chunk: dict[str, Any] = json.loads(line[5:])
    if not isinstance(chunk, dict) or chunk.get("error"):
        raise UserError(f"server: {line[5:].decode('utf-8', 'replace').strip()[:200]}")
    return chunk


def has(chunk: dict[str, Any], *path: str) -> bool:
    """Tell whether a chunk of a stream has a value at a path of keys.

    That is text (a first chunk often has only the role), or a finish_reason.
    """
    for choice in chunk.get("choices") or []:
        found: Any = choice
        for key in path:
            found = (found or {}).get(key)
        if found:
            return True
    return False


async def closed_loop(
    url: str,
    model: str,
    chats: list[list[Message]],
    concurrency: int,
    length: Length,
    key_env: str = "",
) -> list[Timing]:
    """Time all chats with `concurrency` requests in flight at once."""
    waiting, timings = list(reversed(chats)), list[Timing]()

    async def worker(session: aiohttp.ClientSession) -> None:
        while waiting:
            timings.append(await request(session, url, model, waiting.pop(), length))

    async with connections(key_env) as session:
        await all_of(url, (worker(session) for _ in range(concurrency)))
    return timings


async def open_loop(
    url: str,
    model: str,
    chats: list[list[Message]],
    rate: float,
    seed: int,
    length: Length,
    key_env: str = "",
) -> list[Timing]:
    """Time all chats, which arrive at `rate` per second with exponential gaps between them."""
    arrivals = np.cumsum(np.random.default_rng(seed).exponential(1 / rate, len(chats)))
    timings = list[Timing]()
    started = time.perf_counter()

    async def one(session: aiohttp.ClientSession, arrival: float, chat: list[Message]) -> None:
        await asyncio.sleep(started + arrival - time.perf_counter())
        timings.append(await request(session, url, model, chat, length))

    async with connections(key_env) as session:
        pairs = zip(arrivals.tolist(), chats, strict=True)
        await all_of(url, (one(session, arrival, chat) for arrival, chat in pairs))
    return timings


def connections(key_env: str) -> aiohttp.ClientSession:
    """Create an HTTP session with unlimited connections and the key of an environment variable.

    A request that takes too long fails.
    """
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    patience = aiohttp.ClientTimeout(_SECONDS)
    return aiohttp.ClientSession(connector=connector, timeout=patience, headers=headers(key_env))


async def all_of(url: str, jobs: Iterable[Awaitable[None]]) -> None:
    """Wait for all jobs; raise UserError when the first one fails."""
    try:
        await asyncio.gather(*jobs)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        reason = f"{type(error).__name__} {error}"
        raise UserError(f"{url}: a request failed ({reason})") from None
