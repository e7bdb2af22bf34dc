"""The bench client against a real server with a known schedule."""

import asyncio
import sys
from collections.abc import Iterator

import pytest

from lib.engines import server
from lib.engines.timing import Timing, summarise
from lib.errors import UserError
from lib.records import Message

CHAT = [Message(role="user", content="你好")]
SCHEDULED = """
import asyncio, json, sys
from aiohttp import web

FIRST, NEXT, TOKENS = 0.1, 0.02, 6

async def models(request):
    return web.json_response({"data": [{"id": "scheduled"}]})

async def chat(request):
    body = await request.json()
    if body["messages"][0]["content"] == "fail":
        return web.Response(status=500, text="out of memory")
    answer = web.StreamResponse()
    await answer.prepare(request)
    async def send(value):
        await answer.write(f"data: {json.dumps(value)}\\n\\n".encode())
    await send({"choices": [{"delta": {"role": "assistant", "content": None}}]})
    for token in range(TOKENS):
        await asyncio.sleep(NEXT if token else FIRST)
        await send({"choices": [{"delta": {"content": "x"}}]})
    await send({"choices": [], "usage": {"completion_tokens": TOKENS}})
    await answer.write(b"data: [DONE]\\n\\n")
    return answer

app = web.Application()
app.router.add_get("/v1/models", models)
app.router.add_post("/v1/chat/completions", chat)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""


@pytest.fixture(scope="module", autouse=True)
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "LOG", tmp_path_factory.mktemp("log") / "server.log")
        yield


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    script = tmp_path_factory.mktemp("server") / "scheduled.py"
    script.write_text(SCHEDULED, encoding="utf-8")
    with server.serving([sys.executable, str(script), "{port}"], "", patience=30) as url:
        yield url


def test_times_to_first_and_next_token_are_the_schedule(url: str) -> None:
    timing = asyncio.run(server.closed_loop(url, "scheduled", [CHAT], 1, 6))[0]
    assert timing.tokens == 6
    assert timing.first >= 0.1
    assert timing.total - timing.first >= 5 * 0.02


def test_requests_run_side_by_side(url: str) -> None:
    timings = asyncio.run(server.closed_loop(url, "scheduled", [CHAT] * 8, 8, 6))
    assert len(timings) == 8


def test_one_failed_request_fails_the_bench(url: str) -> None:
    bad = [Message(role="user", content="fail")]
    with pytest.raises(UserError, match="500: out of memory"):
        asyncio.run(server.closed_loop(url, "scheduled", [CHAT, bad], 2, 6))


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(UserError, match="no OpenAI-compatible server at"):
        server.served_model(f"http://127.0.0.1:{server.free_port()}/v1")


def test_a_command_that_does_not_exist() -> None:
    with (
        pytest.raises(UserError, match="no-such-server does not start"),
        server.serving(["no-such-server"], "", patience=1),
    ):
        pass


def test_a_server_that_ends_at_once() -> None:
    with (
        pytest.raises(UserError, match="ended with code 3"),
        server.serving([sys.executable, "-c", "raise SystemExit(3)"], "", patience=30),
    ):
        pass


def test_time_per_token_leaves_out_the_first() -> None:
    figures = summarise([Timing(first=1.0, total=2.0, tokens=11)], seconds=2.0)
    assert (figures["ttft_ms_p50"], figures["tpot_ms_p50"]) == (1000, 100)
    assert figures["output_tokens_per_s"] == 5.5
