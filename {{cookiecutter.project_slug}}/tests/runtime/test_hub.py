"""What the hub refuses ends in one line with its own cure; the hub is a server of this test."""

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

pytestmark = pytest.mark.slow

REFUSALS = {"gated": (403, "GatedRepo"), "gone": (404, "RepoNotFound")}
NO_HUB = "http://127.0.0.1:9"  # discard: nobody listens
COUNTER = f"token_counter(BaseParams(model='org/name', revision='{'ab' * 20}', license='MIT'))"


class Hub(BaseHTTPRequestHandler):
    """Refuses every model, by its name; `known` has no revision but main."""

    def do_GET(self) -> None:
        name = next((name for name in REFUSALS if f"/{name}" in self.path), None)
        status, code = REFUSALS[name] if name else (404, "RevisionNotFound")
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", "no")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    """The address of a hub."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def said(
    loader: str,
    address: str,
    home: Path,
    lines: list[str] | None = None,
    first: str = "",
    **env: str,
) -> str:
    """What a stage that runs `loader`, after the code `first`, tells its user; all `lines`, too."""
    code = (
        "from lib.runtime.errors import run; from lib.core.params import BaseParams\n"
        "from lib.curate.tokens import token_counter; from lib.model.loading import *\n"
        f"{first}run(lambda: {loader})"
    )
    quiet = {"HF_ENDPOINT": address, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | quiet | env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    if lines is not None:
        lines += done.stderr.splitlines()
    return done.stderr.splitlines()[-1]


CURES = {
    "org/gated": "org/gated: it is gated: ask for access",
    "org/gone": "org/gone: the hub has no such model",
    "org/known": "org/known: it has no such revision: check base.revision",
}


def test_a_refusal_names_its_cure(hub: str, tmp_path: Path) -> None:
    """Whoever asks; all in one process, which takes longer to start than to be refused."""
    asked = [(name, loader) for name in CURES for loader in ("load_tokenizer", "counted")]
    code = (
        "def counted(name, revision):\n"
        "    token_counter(BaseParams(model=name, revision='ab' * 20, license='MIT'))\n"
        "def refused(loader, name):\n"
        "    try: run(lambda: loader(name, 'abc'))\n"
        "    except SystemExit as end: assert end.code == 2\n"
    )
    refusals = ", ".join(f"refused({loader}, {name!r})" for name, loader in asked)
    lines: list[str] = []
    said(f"[{refusals}, sys.exit(2)]", hub, tmp_path, lines, first=f"import sys\n{code}")
    assert len(lines) == len(asked)
    for line, (name, _) in zip(lines, asked, strict=True):
        assert line.startswith(CURES[name])


def test_a_hub_that_is_turned_off(tmp_path: Path) -> None:
    line = said("load_config('org/name')", NO_HUB, tmp_path, HF_HUB_OFFLINE="1")
    assert line.startswith("org/name: ")
    assert "never downloaded" in line


@pytest.mark.parametrize("loader", ["load_tokenizer('org/name')", COUNTER])
def test_a_hub_out_of_reach_is_asked_once(loader: str, tmp_path: Path) -> None:
    """huggingface_hub would ask five times more, and say so each time."""
    lines: list[str] = []
    assert "the hub is out of reach" in said(loader, NO_HUB, tmp_path, lines)
    assert len(lines) == 1


def test_a_generation_config_out_of_reach_is_not_taken_for_none(tmp_path: Path) -> None:
    loader = "stop_tokens(load_tokenizer('base'), 'org/name')"
    assert "never downloaded" in said(loader, NO_HUB, tmp_path, HF_HUB_OFFLINE="1")
