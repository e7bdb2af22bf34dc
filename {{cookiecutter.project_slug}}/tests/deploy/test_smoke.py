"""A package is served at its port, and its smoke test can fail."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy import package, serve
from deploy.serve import check_port
from lib.engines.commands import SERVED_NAME, arguments
from lib.engines.params import DeployParams
from lib.engines.server import free_port
from lib.runtime.errors import UserError
from lib.runtime.files import write_json
from tests.packages import ANSWER, lay_out


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package for vLLM."""
    lay_out(tmp_path, "vllm")
    monkeypatch.chdir(tmp_path)
    package.main()
    return tmp_path / "dist/vllm"


@contextmanager
def answering(text: str, tokens: int, finish: str = "stop") -> Iterator[str]:
    """A server that always says the same; its URL. Like `transformers serve`, it lists other models
    first and answers to the name that it was started with alone."""

    class Handler(BaseHTTPRequestHandler):
        def reply(self, value: dict[str, Any], status: int = 200) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(value).encode())

        def do_GET(self) -> None:
            self.reply({"data": [{"id": "other"}]})

        def do_POST(self) -> None:
            if json.loads(self.rfile.read(int(self.headers["Content-Length"])))["model"] != "model":
                return self.reply({"detail": "Server is pinned to 'model'"}, 400)
            choice = {"message": {"content": text}, "finish_reason": finish}
            return self.reply({"choices": [choice], "usage": {"prompt_tokens": tokens}})

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def run_smoke(packed: Path, url: str) -> tuple[int, str]:
    """Exit code and words of the package's own smoke test, by a bare Python."""
    command = [sys.executable, "-I", str(packed / "smoke.py"), url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_help_asks_no_server(packed: Path) -> None:
    code, said = run_smoke(packed, "--help")
    assert code == 0
    assert "usage: smoke.py [-h] [URL]" in said


def test_an_argument_that_smoke_does_not_know_is_no_failed_check(packed: Path) -> None:
    code, said = run_smoke(packed, "--url=http://127.0.0.1:1/v1")
    assert (code, said.count("\n"), "--url=" in said) == (1, 1, True)


def test_smoke_without_its_package_says_where_that_is(packed: Path) -> None:
    (packed / "smoke.json").unlink()
    code, said = run_smoke(packed, "http://127.0.0.1:1/v1")
    assert code == 1
    assert said.endswith("smoke.json is missing; run the smoke.py of a package in dist/\n")


def test_smoke_passes_what_was_evaluated_and_names_what_was_not(packed: Path) -> None:
    with answering(ANSWER, 9) as url:
        assert run_smoke(packed, url) == (0, f"smoke: {url}: 1 cases, 0 failures\n")
    with answering("other <|im_end|>", 11, "length") as url:
        code, said = run_smoke(packed, url)
    assert code == 2
    assert [line.split(":")[0] for line in said.splitlines()[:-1]] == [
        "template",
        "stop",
        "special",
        "answers",
    ]


@pytest.mark.parametrize("thought", ["<think>\nhm\n</think>\n\n", "hm\n</think>\n\n"])
def test_smoke_compares_answers_without_what_is_thought_aloud(packed: Path, thought: str) -> None:
    recorded = json.loads((packed / "smoke.json").read_text(encoding="utf-8"))["cases"][0]
    with answering(thought + ANSWER, recorded["input_tokens"]) as url:
        assert run_smoke(packed, url)[0] == 0


def test_smoke_says_in_one_line_that_nobody_answers(packed: Path) -> None:
    for url in (f"http://127.0.0.1:{free_port()}/v1", "http://127.0.0.1:80a0/v1"):
        code, said = run_smoke(packed, url)
        assert (code, said.count("\n"), "no OpenAI-compatible answer" in said) == (1, 1, True)


def test_smoke_passes_on_what_a_server_refuses(packed: Path) -> None:
    recorded = json.loads((packed / "smoke.json").read_text(encoding="utf-8"))
    write_json(packed / "smoke.json", recorded | {"model": "another"})
    with answering(ANSWER, 9) as url:
        assert run_smoke(packed, url)[1].endswith(
            """400: {"detail": "Server is pinned to 'model'"}\n"""
        )


def test_the_weights_are_served_by_the_name_that_smoke_asks(packed: Path) -> None:
    recorded = json.loads((packed / "smoke.json").read_text(encoding="utf-8"))
    deploy = DeployParams(stack="transformers", port=1, context=512, concurrency=1)
    assert arguments(deploy, SERVED_NAME, 1)[:2] == ["serve", recorded["model"]]


def test_nothing_packed_cannot_be_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path, "transformers")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="dist/transformers/model: not found; `make package`"):
        serve.main()


def test_serve_needs_the_port_of_the_package_and_a_free_one(packed: Path) -> None:
    port = free_port()
    recorded = json.loads((packed / "smoke.json").read_text(encoding="utf-8"))
    with pytest.raises(
        UserError, match=rf"was packed for port {recorded['port']}, and deploy.port"
    ):
        check_port(port, packed)
    write_json(packed / "smoke.json", recorded | {"port": port})
    check_port(port, packed)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(UserError, match="listens on"):
        check_port(port, packed)
