"""Requests to servers that have bad moments: what is asked again, and what an error says."""

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from lib.core.records import Message
from lib.engines import openai_client
from lib.engines.answer import Answer
from lib.engines.api import answer_chat, answer_tokens
from lib.engines.openai_client import Endpoint
from lib.runtime.errors import UserError
from tests.local_server import serving_with

TRIES = 3
FAILS = {"status": 200, "times": 0}  # of the next requests; status 0: the connection breaks
ASKED: list[dict[str, Any]] = []


class Server(BaseHTTPRequestHandler):
    """Fails as FAILS says, quoting the key, then answers."""

    def do_POST(self) -> None:
        ASKED.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        fails = len(ASKED) <= FAILS["times"]
        if fails and not FAILS["status"]:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(FAILS["status"] if fails else 200)
        self.send_header("Retry-After-Ms", "1")
        self.end_headers()
        said = f"no:\n\n{self.headers['Authorization']}"
        choice = {"finish_reason": "stop", "message": {"content": "yes"}, "text": "yes"}
        usage = {"prompt_tokens": 2, "completion_tokens": 1}
        reply = {"choices": [choice], "usage": usage}
        self.wfile.write(said.encode() if fails else json.dumps(reply).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving_with(Server) as url:
        yield url


@pytest.fixture(autouse=True)
def few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_client, "RETRIES", TRIES - 1)
    monkeypatch.setenv("MY_KEY", "sk-secret")
    openai_client.connect.cache_clear()
    ASKED.clear()


def fail(status: int, times: int) -> None:
    """How the next requests end."""
    FAILS.update(status=status, times=times)


def say(url: str, key_env: str = "") -> Answer:
    endpoint = Endpoint(url, "m", key_env, "judge")
    return answer_chat(endpoint, [Message(role="user", content="?")], 9)


@pytest.mark.parametrize("status", [429, 500, 503, 0])
def test_a_server_that_is_busy_is_asked_again(url: str, status: int) -> None:
    fail(status, 2)
    assert say(url).text == "yes"
    assert len(ASKED) == 3
    assert ASKED[0] == ASKED[2]


def test_token_ids_are_asked_again_as_they_are(url: str) -> None:
    fail(503, 2)
    assert answer_tokens(Endpoint(url, "m"), [5, 6], 9) == Answer("yes", 2, 1, "stop")
    assert [body["prompt"] for body in ASKED] == [[5, 6]] * 3


@pytest.mark.parametrize(
    ("status", "message", "asked"),
    [
        (429, r"answered 429 in 3 tries: no: Bearer \[key\]$", TRIES),
        (400, r"answered 400: no: Bearer \[key\]$", 1),
        (401, r"answered 401: no: Bearer \[key\]$", 1),
        (0, r"no answer in 3 tries \(.*\); is the server up\?$", TRIES),
    ],
)
def test_a_failure_is_one_line_with_the_section_and_no_key(
    url: str, status: int, message: str, asked: int
) -> None:
    fail(status, 9)
    with pytest.raises(UserError, match=f"^judge: {url}/chat/completions: {message}") as error:
        say(url, "MY_KEY")
    assert len(ASKED) == asked
    assert "\n" not in str(error.value)


def test_the_servers_own_routes_are_asked_once(url: str) -> None:
    fail(503, 1)
    with pytest.raises(openai_client.Refused, match="tokenize: answered 503: no"):
        openai_client.post(Endpoint(url), "tokenize", {})


def test_an_answer_that_takes_too_long_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_client, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(openai_client, "RETRIES", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        with pytest.raises(UserError, match=r"no answer in 2 tries \(.*timed out"):
            say(address)


def test_no_server_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_client, "RETRIES", 0)
    with pytest.raises(
        UserError, match=r"^judge: http://127\.0\.0\.1:9/v1/chat/.*is the server up"
    ):
        say("http://me:secret@127.0.0.1:9/v1")  # nor is a password shown


def test_a_key_that_no_section_names_is_not_sent(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer sk-other")
    fail(400, 1)
    with pytest.raises(UserError, match=r"answered 400: no: Bearer none$"):
        say(url)


def test_a_key_with_a_line_break_is_not_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret\n")
    with pytest.raises(UserError, match=r"^MY_KEY: its key contains a line break") as error:
        say(url, "MY_KEY")
    assert "secret" not in str(error.value)
