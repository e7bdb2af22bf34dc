"""Servers that say what they were asked, and what asks them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from lib.core.records import Message
from lib.engines.answer import Answer
from lib.engines.asking import answer_all
from lib.engines.kept import Kept
from lib.engines.openai_client import Endpoint
from tests.local_server import serving_with


class Server(BaseHTTPRequestHandler):
    """Says what it was asked."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        chat = self.path.endswith("/chat/completions")
        said = body["messages"][-1]["content"] if chat else str(body["prompt"])
        tokens = 7 if chat else len(body["prompt"])
        choice: dict[str, Any] = {"finish_reason": "length" if said == "long" else "stop"}
        choice |= {"message": {"content": said}} if chat else {"text": said}
        usage = {"prompt_tokens": tokens + (said == "[9]"), "completion_tokens": 3}
        reply: dict[str, Any] = {"choices": [choice], "usage": usage}
        if said == "key":
            choice["message"]["content"] = self.headers["Authorization"]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}" if said == "odd" else json.dumps(reply).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def answering_all(status: int) -> Iterator[str]:
    """A server that answers every request in the same way; its URL."""

    class Same(Server):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"{}")

    with serving_with(Same) as url:
        yield url


def chat(text: str) -> list[Message]:
    return [Message(role="user", content=text)]


def say(url: str, text: str, key_env: str = "") -> Answer:
    return answer_all(Endpoint(url, "m", key_env), [chat(text)], 9, 1, Kept("answer-test"))[0]


class Odd(Server):
    """Replies as some gateways do, and as it should every third time."""

    asked: list[bytes] = []
    replies: list[bytes] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(body)
        self.send_response(400 if b"too long" in body else 200)
        self.end_headers()
        self.wfile.write(self.replies[(len(self.asked) - 1) % len(self.replies)])


PARTS = [{"type": "text", "text": "yes"}]


GOOD = json.dumps({"choices": [{"message": {"content": PARTS}, "finish_reason": None}]}).encode()
