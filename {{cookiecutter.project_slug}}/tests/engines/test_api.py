"""Answers over HTTP."""

import json
from io import BytesIO
from typing import Any

import pytest

from lib.engines import api
from lib.engines.answer import Answer
from lib.engines.api import answer_chat
from lib.engines.asking import answer_all
from lib.engines.kept import Kept
from lib.engines.openai_client import Endpoint
from lib.model.loading import load_tokenizer
from lib.runtime.errors import UserError
from lib.serving.serverside import recognise
from tests.engines.echo import GOOD, Odd, Server, answering_all, chat, say
from tests.local_server import serving_with

pytestmark = pytest.mark.usefixtures("kept")


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


def test_a_schema_is_sent_as_each_route_takes_it(kept: Kept) -> None:
    bodies: list[dict[str, Any]] = []

    class Noting(Server):
        def do_POST(self) -> None:  # noqa: N802
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
    with serving_with(Odd) as url, pytest.raises(UserError, match="is not JSON: '<html>busy"):
        answer_chat(Endpoint(url, "m"), chat("a"), 9)


def test_keys_of_a_request_can_be_replaced_and_left_out() -> None:
    Odd.asked, Odd.replies = [], [GOOD]
    options = {"max_tokens": None, "temperature": None, "max_completion_tokens": 7}
    with serving_with(Odd) as url:
        answer_chat(Endpoint(url, "m", options=options), chat("a"), 9)
    sent = json.loads(Odd.asked[0])
    assert sent.keys() == {"model", "messages", "max_completion_tokens"}


class Filtering(Server):
    """A provider that lets nothing through."""

    def do_POST(self) -> None:  # noqa: N802
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(400)
        self.end_headers()
        self.wfile.write(b'{"error": {"code": "content_filter", "message": "blocked"}}')


def test_what_a_provider_filters_is_an_answer() -> None:
    with serving_with(Filtering) as url:
        assert answer_chat(Endpoint(url, "m"), chat("a"), 9).finish == "content_filter"
