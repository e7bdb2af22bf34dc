"""Answers over HTTP and through vLLM."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import Any

import pytest

from lib.core.records import Message
from lib.engines import vllm
from lib.engines.answer import Answer
from lib.engines.api import answer_all, answer_chat
from lib.model.loading import load_tokenizer
from lib.runtime.errors import UserError
from lib.serving.serverside import recognise
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


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving_with(Server) as url:
        yield url


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


def say(url: str, text: str, key_env: str = "") -> Answer:
    return answer_all(url, "m", [[Message(role="user", content=text)]], 9, 1, key_env)[0]


def test_answers_are_in_the_order_of_the_chats(url: str) -> None:
    chats = [[Message(role="user", content=str(number))] for number in range(20)]
    found = [answer.text for answer in answer_all(url, "m", chats, 9, 4)]
    assert found == [str(number) for number in range(20)]


def test_an_answer_has_the_servers_token_counts_and_how_it_ended(url: str) -> None:
    assert say(url, "long") == Answer("long", 7, 3, "length")


def test_token_ids_are_sent_as_they_are(url: str) -> None:
    assert answer_all(url, "m", [[1, 2, 3]], 9, 1) == [Answer("[1, 2, 3]", 3, 3, "stop")]


def test_a_server_that_reads_other_tokens_is_refused(url: str) -> None:
    with pytest.raises(UserError, match="counted 2 tokens where 1 token ids were sent"):
        answer_all(url, "m", [[9]], 9, 1)


def test_a_reply_that_is_no_answer_names_the_section(url: str) -> None:
    chat = [Message(role="user", content="odd")]
    with pytest.raises(UserError, match=f"^judge: {url}: its reply is not OpenAI-compatible"):
        answer_chat(url, "m", chat, 9, section="judge")


@pytest.mark.parametrize("status", [500, 401])
def test_a_server_in_trouble_is_not_taken_for_another_kind(status: int) -> None:
    with (
        answering_all(status) as url,
        pytest.raises(UserError, match=f"/apply-template: answered {status}"),
    ):
        recognise(url, "m", load_tokenizer("base"))


@pytest.mark.parametrize("status", [200, 404, 405])
def test_a_server_without_routes_of_its_own_is_another_kind(status: int) -> None:
    with answering_all(status) as url:
        assert recognise(url, "m", load_tokenizer("base")).kind == "other"


def test_the_key_comes_from_the_environment(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "abc")
    assert say(url, "key", "MY_KEY").text == "Bearer abc"


def test_a_missing_key_is_named(url: str) -> None:
    with pytest.raises(UserError, match="NO_SUCH_KEY: this environment variable"):
        say(url, "x", "NO_SUCH_KEY")


def test_vllm_gets_token_ids_and_the_stop_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    output = SimpleNamespace(text="是", token_ids=[4, 2], finish_reason="stop")
    asked: list[Any] = []

    def generate(prompts: Any, sampling: Any) -> Any:
        asked.extend([prompts, sampling])
        return [SimpleNamespace(outputs=[output]) for _ in prompts]

    fake = SimpleNamespace(LLM=lambda **_: SimpleNamespace(generate=generate), SamplingParams=dict)
    monkeypatch.setitem(sys.modules, "vllm", fake)
    answers = vllm.answer_all("models/tuned", None, [[5, 6]], "float32", {2}, 9, 1)
    assert answers == [Answer("是", 2, 2, "stop")]
    wanted = {"temperature": 0, "max_tokens": 9, "stop_token_ids": [2]}
    assert asked == [[{"prompt_token_ids": [5, 6]}], wanted]


def test_vllm_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(UserError, match=r"answer\.engine is 'vllm', which is not installed"):
        vllm.load_vllm()
