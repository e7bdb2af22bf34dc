"""Any OpenAI-compatible server: start it, wait for it, time streamed requests, stop it."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from lib.engines.timing import Timing
from lib.errors import UserError
from lib.records import Message

LOG = Path(".scratch/server.log")


@contextmanager
def serving(command: list[str], model: str, patience: float) -> Iterator[str]:
    """Run `command`, {model} and {port} filled in; yield its URL; stop it, whatever happens."""
    port = free_port()
    filled = [part.replace("{model}", model).replace("{port}", str(port)) for part in command]
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("wb") as log:
        try:
            process = subprocess.Popen(filled, stdout=log, stderr=log, start_new_session=True)
        except OSError as error:
            raise UserError(
                f"bench.command: {filled[0]} does not start ({error.strerror})"
            ) from None
        try:
            url = f"http://127.0.0.1:{port}/v1"
            wait_until_up(url, process, patience)
            yield url
        finally:
            stop(process)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_up(url: str, process: subprocess.Popen[bytes], patience: float) -> None:
    """Return once the server lists its models; raises UserError when it ends or takes too long."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise UserError(f"bench.command: ended with code {process.returncode}; see {LOG}")
        try:
            served_model(url)
        except UserError:
            time.sleep(0.5)
            continue
        return
    raise UserError(f"bench.command: not up after {patience:.0f} s; see {LOG}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and all it started: politely, then not."""
    for sign in (signal.SIGTERM, signal.SIGKILL):  # its children may outlive a polite leader
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)


def served_model(url: str) -> str:
    """The id of the first model a server lists; raises UserError when it does not answer."""
    try:
        with urllib.request.urlopen(f"{url}/models", timeout=5) as response:  # noqa: S310
            return str(json.load(response)["data"][0]["id"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        reason = getattr(error, "reason", error)
        raise UserError(f"bench.url: no OpenAI-compatible server at {url} ({reason})") from None


async def request(
    session: aiohttp.ClientSession, url: str, model: str, chat: list[Message], max_new_tokens: int
) -> Timing:
    """Stream one greedy answer; tokens are counted by the server (`usage`), never by chunks."""
    body = {
        "model": model,
        "messages": chat,
        "max_tokens": max_new_tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    started = time.perf_counter()
    first, last, tokens = 0.0, 0.0, 0
    async with session.post(f"{url}/chat/completions", json=body) as response:
        if response.status != 200:
            raise UserError(f"{url}: answered {response.status}: {(await response.text())[:200]}")
        async for line in response.content:
            chunk = parse_event(line)
            if chunk is None:
                continue
            tokens = (chunk.get("usage") or {}).get("completion_tokens", tokens)
            if has_content(chunk):
                last = time.perf_counter() - started
                first = first or last
    if not tokens:
        raise UserError(f"{url}: reported no token usage, which the figures need")
    return Timing(first or time.perf_counter() - started, last or first, tokens)


def parse_event(line: bytes) -> dict[str, Any] | None:
    """The JSON of a server-sent event's data line; None for other lines and the end mark."""
    if not line.startswith(b"data:") or line[5:].strip() == b"[DONE]":
        return None
    chunk: dict[str, Any] = json.loads(line[5:])
    if chunk.get("error"):
        raise UserError(f"server: {str(chunk['error'])[:200]}")
    return chunk


def has_content(chunk: dict[str, Any]) -> bool:
    """Whether a chunk brings text (a first chunk often brings only the role)."""
    return any((choice.get("delta") or {}).get("content") for choice in chunk.get("choices") or [])


async def closed_loop(
    url: str, model: str, chats: list[list[Message]], concurrency: int, max_new_tokens: int
) -> list[Timing]:
    """Time all chats with `concurrency` requests under way at once; any failure raises."""
    waiting = list(reversed(chats))
    timings: list[Timing] = []

    async def worker(session: aiohttp.ClientSession) -> None:
        while waiting:
            timings.append(await request(session, url, model, waiting.pop(), max_new_tokens))

    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector) as session:
        try:
            await asyncio.gather(*(worker(session) for _ in range(concurrency)))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            reason = f"{type(error).__name__} {error}"
            raise UserError(f"{url}: a request failed ({reason})") from None
    return timings
