"""Answers over HTTP and through vLLM."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lib.core.records import Message
from lib.engines import api, vllm
from lib.engines.answer import Answer
from lib.engines.api import answer_chat
from lib.engines.asking import answer_all, keys_of
from lib.engines.kept import Kept
from lib.engines.openai_client import Endpoint
from lib.engines.params import BudgetParams
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


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    """Answers are kept where the test can see them."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return Kept("answer-test")


def chat(text: str) -> list[Message]:
    return [Message(role="user", content=text)]


def say(url: str, text: str, key_env: str = "") -> Answer:
    return answer_all(Endpoint(url, "m", key_env), [chat(text)], 9, 1, Kept("answer-test"))[0]


def test_answers_are_in_the_order_of_the_chats(url: str, kept: Kept) -> None:
    chats = [chat(str(number)) for number in range(20)]
    found = [answer.text for answer in answer_all(Endpoint(url, "m"), chats, 9, 4, kept)]
    assert found == [str(number) for number in range(20)]


def test_an_answer_has_the_servers_token_counts_and_how_it_ended(url: str) -> None:
    assert say(url, "long") == Answer("long", 7, 3, "length")


def test_token_ids_are_sent_as_they_are(url: str, kept: Kept) -> None:
    found = answer_all(Endpoint(url, "m"), [[1, 2, 3]], 9, 1, kept)
    assert found == [Answer("[1, 2, 3]", 3, 3, "stop")]


def test_a_server_that_reads_other_tokens_is_refused(url: str, kept: Kept) -> None:
    with pytest.raises(UserError, match="counted 2 tokens where 1 token ids were sent"):
        answer_all(Endpoint(url, "m"), [[9]], 9, 1, kept)


def test_a_reply_that_is_no_answer_names_the_section(url: str) -> None:
    with pytest.raises(UserError, match=f"^judge: {url}: its reply is not OpenAI-compatible"):
        answer_chat(Endpoint(url, "m", section="judge"), chat("odd"), 9)


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


class Failing(Server):
    """Answers what it knows, and is out of order after so many requests."""

    asked: list[str] = []
    answers = 3

    def do_POST(self) -> None:
        if len(self.asked) >= self.answers:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(401)
            self.end_headers()
            return
        self.asked.append("")
        super().do_POST()


def test_a_run_that_is_cut_off_pays_for_no_case_twice(kept: Kept) -> None:
    chats = [chat(str(number)) for number in range(8)] + [chat("0")]
    with serving_with(Failing) as url:
        Failing.asked, Failing.answers = [], 3
        with pytest.raises(UserError, match="6 of 9 answers are missing: run it again"):
            answer_all(Endpoint(url, "m"), chats, 9, 1, kept)
        Failing.answers = 9
        again = Kept("answer-test")
        found = answer_all(Endpoint(url, "m"), chats, 9, 1, again)
    assert [answer.text for answer in found] == [*map(str, range(8)), "0"]
    assert len(Failing.asked) == 9


def test_an_answer_to_another_request_is_not_taken(url: str, kept: Kept) -> None:
    answer_all(Endpoint(url, "m"), [chat("a")], 9, 1, kept)
    answer_all(Endpoint(url, "m", options={"top_k": 1}), [chat("a")], 9, 1, kept)
    assert len(kept.rows) == 2


def test_a_line_that_was_cut_off_is_asked_again(url: str, kept: Kept) -> None:
    say(url, "你好 🔒")
    whole = kept.path.read_bytes()
    kept.path.write_bytes(whole[: len(whole) // 2])
    assert Kept("answer-test").rows == {}
    say(url, "你好 🔒")
    assert [row["text"] for row in Kept("answer-test").rows.values()] == ["你好 🔒"]


def test_answers_of_another_day_are_not_used(url: str, kept: Kept) -> None:
    say(url, "a")
    os.utime(kept.path, (0, 0))
    assert Kept("answer-test").rows == {}
    assert not kept.path.exists()


@pytest.mark.parametrize(
    ("changes", "same"),
    [({}, True), ({"model": "n"}, False), ({"url": "http://other/v1"}, False)],
)
def test_an_answer_belongs_to_what_was_asked(changes: dict[str, Any], same: bool) -> None:
    one = Endpoint("http://a/v1", "m")
    keys = [keys_of(server, [chat("a")], 9, "") for server in (one, replace(one, **changes))]
    assert (keys[0] == keys[1]) is same
    assert keys_of(one, [chat("a")], 9, "x") != keys_of(one, [chat("a")], 9, "y")


def test_an_answer_is_kept_as_it_may_be_stored(url: str, kept: Kept) -> None:
    mask = lambda index, answer: replace(answer, text=f"masked {index}")  # noqa: E731
    found = answer_all(Endpoint(url, "m"), [chat("ana@example.com")], 9, 1, kept, mask)
    assert found[0].text == "masked 0"
    assert b'"text": "masked 0"' in kept.path.read_bytes()


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"requests": 3}, r"answer.endpoint.budget.requests is 3, and the next .* it 4; .* 2 of 5"),
        ({"tokens": 45}, r"answer.endpoint.budget.tokens is 45, .* answers are missing"),
    ],
)
def test_a_budget_stops_before_it_is_spent(
    limits: dict[str, int], message: str, url: str, kept: Kept
) -> None:
    chats, endpoint = (
        [chat(str(number)) for number in range(5)],
        Endpoint(url, "m", "", "answer.endpoint"),
    )
    budget = BudgetParams.model_validate(limits)
    with pytest.raises(UserError, match=message):
        answer_all(endpoint, chats, 9, 1, kept, limits=budget)
    spent = sum(row["input_tokens"] + row["output_tokens"] for row in kept.rows.values())
    assert spent <= limits.get("tokens", spent)


def test_a_schema_is_sent_as_each_route_takes_it(kept: Kept) -> None:
    bodies: list[dict[str, Any]] = []

    class Noting(Server):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            bodies.append(json.loads(raw))
            self.rfile = BytesIO(raw)
            super().do_POST()

    schema = {"type": "object", "properties": {"城市": {"type": "string"}}}
    with serving_with(Noting) as url:
        for prompt in (chat("a"), [1, 2]):
            answer_all(Endpoint(url, "m"), [prompt], 9, 1, kept, schema=schema)
    assert bodies[0]["response_format"]["json_schema"]["schema"] == schema
    assert bodies[1]["structured_outputs"] == {"json": schema}  # vLLM
    assert bodies[1]["json_schema"] == schema  # llama.cpp


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


@pytest.mark.parametrize("odd", [b'{"error": {"code": 502}}', b'{"choices": []}'])
def test_a_reply_without_an_answer_is_asked_for_again(
    odd: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "WAITS", (0, 0))
    Odd.asked, Odd.replies = [], [odd, odd, GOOD]
    with serving_with(Odd) as url:
        found = answer_chat(Endpoint(url, "m"), chat("a"), 9)
    assert found == Answer("yes", 0, 0, "stop")  # nobody counted its tokens
    assert len(Odd.asked) == 3


def test_a_page_in_place_of_a_reply_is_shown() -> None:
    Odd.asked, Odd.replies = [], [b"<html>busy</html>"]
    with serving_with(Odd) as url, pytest.raises(UserError, match="is no JSON: '<html>busy"):
        answer_chat(Endpoint(url, "m"), chat("a"), 9)


def test_a_request_that_is_too_long_is_an_empty_answer(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    Odd.asked, Odd.replies = [], [GOOD]
    chats = [chat(text) for text in ("a", "too long", "b")]
    with serving_with(Odd) as url:
        found = answer_all(Endpoint(url, "m"), chats, 9, 1, kept)
    assert [answer.text for answer in found] == ["yes", "", "yes"]
    assert [answer.finish for answer in found] == ["stop", "HTTP 400", "stop"]
    assert "case 2 of 3 was refused" in capsys.readouterr().out


def test_requests_that_are_all_refused_are_a_mistake(kept: Kept) -> None:
    Odd.asked, Odd.replies = [], [GOOD]
    with serving_with(Odd) as url, pytest.raises(UserError, match=r"answered 400.*to 3 others"):
        answer_all(Endpoint(url, "m"), [chat(f"too long {n}") for n in range(9)], 9, 1, kept)
    assert 4 <= len(Odd.asked) < 9  # one may be on its way


def test_keys_of_a_request_can_be_replaced_and_left_out() -> None:
    Odd.asked, Odd.replies = [], [GOOD]
    options = {"max_tokens": None, "temperature": None, "max_completion_tokens": 7}
    with serving_with(Odd) as url:
        answer_chat(Endpoint(url, "m", options=options), chat("a"), 9)
    sent = json.loads(Odd.asked[0])
    assert sent.keys() == {"model", "messages", "max_completion_tokens"}


class Filtering(Server):
    """A provider that lets nothing through."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(400)
        self.end_headers()
        self.wfile.write(b'{"error": {"code": "content_filter", "message": "blocked"}}')


def test_what_a_provider_filters_is_an_answer() -> None:
    with serving_with(Filtering) as url:
        assert answer_chat(Endpoint(url, "m"), chat("a"), 9).finish == "content_filter"


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
