"""An OpenAI-compatible server that keeps an exact schedule: what a bench client should measure.

usage   python tests/scheduled.py PORT FIRST NEXT TOKENS [early] [stop] [key=KEY]
        FIRST, NEXT: seconds to a token

Each token has its own due time, so a late one delays no other. A chat that says "fail" gets a 500.
The answer begins with a chunk without content, as llama.cpp's and vLLM's do; `early`: at once. Its
last token comes with the reason for the end; `stop`: it is an end-of-turn token, without text.
`key=`: who does not show it gets a 401.
"""

import asyncio
import json
import sys
from typing import Any

from aiohttp import web


def event(value: dict[str, Any]) -> bytes:
    """A server-sent event."""
    return f"data: {json.dumps(value)}\n\n".encode()


@web.middleware
async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
    """Nothing without the key."""
    keys = [part.removeprefix("key=") for part in sys.argv[5:] if part.startswith("key=")]
    if keys and request.headers.get("Authorization") != f"Bearer {keys[0]}":
        return web.Response(status=401)
    answer: web.StreamResponse = await handler(request)
    return answer


async def models(request: web.Request) -> web.Response:
    """One model."""
    return web.json_response({"data": [{"id": "scheduled"}]})


async def chat(request: web.Request) -> web.StreamResponse:
    """The tokens when they are due."""
    started = asyncio.get_running_loop().time()
    first, following = float(sys.argv[2]), float(sys.argv[3])
    body = await request.json()
    if body["messages"][0]["content"] == "fail":
        return web.Response(status=500, text="out of memory")
    most = body.get("max_tokens") or body.get("max_completion_tokens")
    count = most if body.get("ignore_eos") else int(sys.argv[4])
    answer = web.StreamResponse()
    await answer.prepare(request)
    head = event({"choices": [{"delta": {"role": "assistant", "content": None}}]})
    if "early" in sys.argv[5:]:
        await answer.write(head)
        head = b""
    for token in range(count):
        due = started + first + following * token
        await asyncio.sleep(due - asyncio.get_running_loop().time())
        choice: dict[str, Any] = {"delta": {"content": "x"}, "finish_reason": None}
        if token == count - 1:
            choice = {"delta": {}} if "stop" in sys.argv[5:] else choice
            choice["finish_reason"] = "stop" if "stop" in sys.argv[5:] else "length"
        await answer.write(head + event({"choices": [choice]}))
        head = b""
    usage = {"prompt_tokens": 7, "completion_tokens": count}
    await answer.write(event({"choices": [], "usage": usage}) + b"data: [DONE]\n\n")
    return answer


if __name__ == "__main__":
    app = web.Application(middlewares=[guard])
    app.router.add_get("/v1/models", models)
    app.router.add_post("/v1/chat/completions", chat)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
