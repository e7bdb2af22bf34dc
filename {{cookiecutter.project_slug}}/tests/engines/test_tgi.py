"""Text Generation Inference (legacy: archived upstream): what we send it, and how we read it.

The server here is ours, written after TGI's published schema (tgi_schema.json): every request it
gets and every reply it sends is held against that schema.
A real TGI: tests/real_engines/test_tgi.py.
"""

import asyncio
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tokenizers.processors import TemplateProcessing

from deploy import smoke
from lib.core.records import Message
from lib.engines import api, server
from lib.engines.answer import Answer
from lib.engines.openai_client import Endpoint
from lib.model.loading import load_tokenizer
from lib.runtime.errors import UserError
from lib.serving import client
from lib.serving.parity import Rendered, compare_prompts
from lib.serving.serverside import ask_greedily, prompt_of_chat, prompt_of_text, recognise
from stages.parity import our_prompt

SCHEMA = json.loads(Path(__file__).with_name("tgi_schema.json").read_text(encoding="utf-8"))
NAME = "/model"
TOKENS = ["退", "款", " 🙂"]
COMMON = {"id": "", "created": 1, "model": NAME, "system_fingerprint": "3.3.6-sha"}
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
CHAT = [Message(role="user", content="钱退我")]
TOKENIZER = load_tokenizer("base")
BEGIN = "<|endoftext|>"
begun = TemplateProcessing(
    single=f"{BEGIN} $A", special_tokens=[(BEGIN, int(TOKENIZER.convert_tokens_to_ids(BEGIN)))]
)
TOKENIZER.backend_tokenizer.post_processor = begun


def held(kind: str, value: Any) -> Any:
    """The value, which must be of a kind of the schema."""
    Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": SCHEMA["$defs"]}).validate(value)
    return value


def split(text: str, special: bool) -> list[dict[str, Any]]:
    """The tokens of a text; a bare one begins with what the tokenizer puts there."""
    ids = TOKENIZER.encode(text, add_special_tokens=special)
    return [{"id": id, "text": TOKENIZER.decode([id]), "start": 0, "stop": 0} for id in ids]


class Server(BaseHTTPRequestHandler):
    """TGI's routes that we use; the others are not found."""

    def do_GET(self) -> None:
        if self.path == "/v1/models":  # its code sends a list, its schema describes an entry
            entry = held("ModelInfo", {"id": NAME, "object": "model", "created": 0, "owned_by": ""})
            return self.reply(200, {"object": "list", "data": [entry]})
        return self.reply(404, {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/tokenize":
            tokens = split(held("GenerateRequest", body)["inputs"], special=True)
            return self.reply(200, held("TokenizeResponse", tokens))
        if self.path not in ("/v1/chat/completions", "/chat_tokenize"):
            return self.reply(404, {})
        held("ChatRequest", body)
        if self.path == "/chat_tokenize":
            text = TOKENIZER.apply_chat_template(
                body["messages"], tokenize=False, add_generation_prompt=True
            )
            whole = {"templated_text": text, "tokenize_response": split(text, special=False)}
            return self.reply(200, held("ChatTokenizeResponse", whole))
        if body["messages"][-1]["content"] == "too long":
            error = {"error": "`inputs` must have less than 512", "error_type": "validation"}
            return self.reply(422, held("ErrorResponse", error))
        if body.get("stream"):
            return self.stream(body)
        message = {"role": "assistant", "content": "".join(TOKENS)}
        choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": "stop"}
        whole = {**COMMON, "object": "chat.completion", "choices": [choice], "usage": USAGE}
        return self.reply(200, held("ChatCompletion", whole))

    def stream(self, body: dict[str, Any]) -> None:
        """A chunk for each token, then one with the usage and no choice."""
        assert body["stream_options"] == {"include_usage": True}
        self.send_response(200)
        self.end_headers()
        for token in TOKENS:
            choice: dict[str, Any] = {"index": 0, "delta": {"role": "assistant", "content": token}}
            self.event({**COMMON, "choices": [choice | {"finish_reason": None}], "usage": None})
        self.event({**COMMON, "choices": [], "usage": USAGE})
        self.wfile.write(b"data: [DONE]\n\n")

    def event(self, chunk: dict[str, Any]) -> None:
        """Send one chunk."""
        line = json.dumps(held("ChatCompletionChunk", chunk))
        self.wfile.write(f"data: {line}\n\n".encode())

    def reply(self, status: int, value: Any) -> None:
        """Send JSON."""
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    up = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    Thread(target=up.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{up.server_port}/v1"
    up.shutdown()
    up.server_close()


def test_eval_reads_its_answers(url: str) -> None:
    assert server.served_model(url) == NAME
    assert api.answer_chat(Endpoint(url, NAME), CHAT, 8) == Answer("退款 🙂", 9, 4, "stop")


def test_bench_counts_the_tokens_of_its_stream(url: str) -> None:
    (timing,) = asyncio.run(client.closed_loop(url, NAME, [CHAT], 1, client.Length(8)))
    assert (len(timing.stamps), timing.input_tokens, timing.output_tokens) == (3, 9, 4)


def test_made_up_lengths_it_does_not_keep_are_refused(url: str) -> None:
    with pytest.raises(UserError, match=r"4 tokens, but bench\.lengths asks for 8"):
        asyncio.run(client.closed_loop(url, NAME, [CHAT], 1, client.Length(8, exact=True)))


def test_parity_reads_what_it_tells(url: str) -> None:
    served = recognise(url, NAME, TOKENIZER)
    assert served.kind == "tgi"
    found, prompt_tokens = ask_greedily(served, CHAT, 8, TOKENIZER, set())
    assert found.ids == TOKENIZER.encode("退款 🙂", add_special_tokens=False)
    assert (found.stopped, found.clean, prompt_tokens) == (True, True, 9)


def test_parity_holds_its_prompts_against_ours(url: str) -> None:
    served = recognise(url, NAME, TOKENIZER)
    ours = our_prompt(TOKENIZER, CHAT)
    bare = Rendered("a  b 退", TOKENIZER.encode("a  b 退", add_special_tokens=False))
    theirs = [prompt_of_chat(served, CHAT, TOKENIZER), prompt_of_text(served, bare.text, TOKENIZER)]
    checks = compare_prompts([ours, bare], theirs, TOKENIZER)
    assert [check.passed for check in checks.values()] == [True] * 3


def test_the_smoke_test_passes_and_fails(url: str) -> None:
    case = {"messages": [dict(CHAT[0])], "input_tokens": 9, "output": "退款 🙂"}
    recorded = {"model": "model", "max_tokens": 8, "special": ["<|im_end|>"], "same": 1.0}
    recorded["cases"] = [case]
    assert smoke.check_server_answers(url, recorded) == []
    assert smoke.check_server_answers(url, recorded | {"cases": [case | {"input_tokens": 8}]}) == [
        "template: case 0: 9 prompt tokens, not 8"
    ]


def test_its_error_is_one_line(url: str) -> None:
    with pytest.raises(UserError, match=r"answered 422: .*must have less than 512"):
        api.answer_chat(Endpoint(url, NAME), [Message(role="user", content="too long")], 8)
