"""The bench client against a real server with a known schedule, and servers that go wrong."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from lib.core.records import Message
from lib.engines import openai_client, server
from lib.engines.openai_client import Endpoint
from lib.engines.timing import Timing, single_requests, summarise_timings
from lib.release.cost import cost_per_1000, goodput
from lib.release.params import LatencyLimits
from lib.runtime.errors import UserError
from lib.serving import client
from lib.serving.client import Length

CHAT = [Message(role="user", content="你好")]
FIRST, NEXT, TOKENS = 0.1, 0.02, 6
SCHEDULED = [sys.executable, str(Path(__file__).parents[1] / "scheduled.py"), "{port}"]
COMMAND = [*SCHEDULED, str(FIRST), str(NEXT), str(TOKENS), "early"]
STUB = [sys.executable, str(Path(__file__).parents[1] / "stub.py"), "{port}"]
SHORT = Length(TOKENS)
Stage = tuple[subprocess.Popen[bytes], int]


@pytest.fixture(scope="module", autouse=True)
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "LOG", tmp_path_factory.mktemp("log") / "server.log")
        yield


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with server.serving(COMMAND, "", patience=300) as url:
        yield url


def test_times_to_first_and_next_token_are_the_schedule(url: str) -> None:
    (timing,) = asyncio.run(client.closed_loop(url, "scheduled", [CHAT], 1, SHORT))
    assert (timing.input_tokens, timing.output_tokens, len(timing.stamps)) == (7, TOKENS, TOKENS)
    assert timing.first >= FIRST
    assert timing.total >= FIRST + (TOKENS - 1) * NEXT


def test_an_answer_takes_until_its_end_which_has_no_text() -> None:
    command = [*SCHEDULED, "0.05", "0.2", "2", "stop"]  # one token of text, then end-of-turn
    with server.serving(command, "", patience=300) as url:
        (timing,) = asyncio.run(client.closed_loop(url, "scheduled", [CHAT], 1, SHORT))
    assert (timing.output_tokens, len(timing.stamps)) == (2, 1)
    assert timing.total - timing.first >= 0.19
    assert summarise_timings([timing], 1.0)["tpot_ms_p50"] >= 190


def test_an_event_that_is_no_object_is_one_line() -> None:
    with pytest.raises(UserError, match=r"^server: null$"):
        client.parse_event(b"data: null")


def test_requests_run_side_by_side(url: str) -> None:
    timings = asyncio.run(client.closed_loop(url, "scheduled", [CHAT] * 8, 8, SHORT))
    assert len(timings) == 8


def test_a_server_that_is_no_model_server_says_what_it_answered() -> None:
    command = [sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1"]
    with (
        pytest.raises(UserError, match=r"not ready after 3 s \(.*File not found\)"),
        server.serving(command, "", patience=3),
    ):
        pass


def test_requests_arrive_at_random_whatever_is_under_way(url: str) -> None:
    timings = asyncio.run(client.open_loop(url, "scheduled", [CHAT] * 9, 200, 1, SHORT))
    assert [timing.output_tokens for timing in timings] == [TOKENS] * 9


def test_an_answer_of_exact_length_is_asked_for(url: str) -> None:
    (timing,) = asyncio.run(client.closed_loop(url, "scheduled", [CHAT], 1, Length(2, exact=True)))
    assert timing.output_tokens == 2


def test_one_failed_request_fails_the_bench(url: str) -> None:
    bad = [Message(role="user", content="fail")]
    with pytest.raises(UserError, match="500: out of memory"):
        asyncio.run(client.closed_loop(url, "scheduled", [CHAT, bad], 2, SHORT))
    with pytest.raises(UserError, match="500: out of memory"):
        asyncio.run(client.open_loop(url, "scheduled", [CHAT, bad], 100, 1, SHORT))


@contextmanager
def stage(folder: Path, command: list[str], sighup: signal.Handlers) -> Iterator[Stage]:
    """A process that starts a server and then waits, and the port of the server."""
    port, script = server.free_port(), folder / "stage.py"
    filled = [part.replace("{port}", str(port)) for part in command]
    script.write_text(
        "import time\nfrom lib.engines import server\n"
        f"server.free_port, server.POLITE = lambda: {port}, 1\n"
        f"with server.serving({filled}, '', 300):\n    print('up', flush=True)\n"
        "    time.sleep(60)\n",
        encoding="utf-8",
    )

    def as_in_a_terminal() -> None:
        for sign in (signal.SIGINT, signal.SIGQUIT):  # a job in the background ignores them
            signal.signal(sign, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, sighup)

    process = subprocess.Popen(
        [sys.executable, str(script)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=as_in_a_terminal,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        yield process, port


def is_up(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    ("sign", "code"),
    [
        (signal.SIGTERM, 128 + signal.SIGTERM),
        (signal.SIGHUP, 128 + signal.SIGHUP),
        (signal.SIGQUIT, 128 + signal.SIGQUIT),
        (signal.SIGINT, -signal.SIGINT),
    ],
)
def test_a_stage_that_is_ended_stops_its_server(
    sign: signal.Signals, code: int, tmp_path: Path
) -> None:
    with stage(tmp_path, STUB, signal.SIG_DFL) as (process, port):
        process.send_signal(sign)
        assert process.wait(timeout=120) == code
        assert not is_up(port)


def test_a_second_ctrl_c_does_not_spare_a_stubborn_server(tmp_path: Path) -> None:
    with stage(tmp_path, [*STUB, "stubborn"], signal.SIG_DFL) as (process, port):
        process.send_signal(signal.SIGINT)
        while process.poll() is None:  # again and again, while it is being stopped
            process.send_signal(signal.SIGINT)
            time.sleep(0.05)
        assert (process.returncode, is_up(port)) == (-signal.SIGINT, False)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells a child of its parent's end")
def test_a_stage_that_is_killed_leaves_no_server(tmp_path: Path) -> None:
    with stage(tmp_path, [*STUB, "stubborn"], signal.SIG_DFL) as (process, port):
        process.kill()
        process.wait(timeout=120)
        deadline = time.monotonic() + 60
        while is_up(port) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not is_up(port)


def test_what_a_server_starts_in_a_session_of_its_own_is_stopped(tmp_path: Path) -> None:
    port = server.free_port()
    filled = [part.replace("{port}", str(port)) for part in [*STUB, "stubborn"]]
    child = f"import subprocess; subprocess.Popen({filled}, start_new_session=True).wait()"
    process = subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
    while not is_up(port):
        time.sleep(0.05)
    server.stop(process)
    assert not is_up(port)


def test_a_stage_under_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    with stage(tmp_path, STUB, signal.SIG_IGN) as (process, port):
        process.send_signal(signal.SIGHUP)
        assert is_up(port)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 128 + signal.SIGTERM


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(UserError, match="no OpenAI-compatible server at"):
        server.served_model(f"http://127.0.0.1:{server.free_port()}/v1")


def test_a_server_that_wants_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_KEY", "s3cret")
    command = [*COMMAND, "key=s3cret"]
    with (
        pytest.raises(UserError, match=r"answered 401: it requires a key; bench\.key_env"),
        server.serving(command, "", patience=300),
    ):
        pass
    with server.serving(command, "", patience=300, key_env="SERVER_KEY") as url:
        loop = client.closed_loop(url, "scheduled", [CHAT], 1, SHORT, "SERVER_KEY")
        assert len(asyncio.run(loop)) == 1


@pytest.mark.parametrize("address", ["127.0.0.1:80a0", "127.0.0.1 :8000", "127.0.0.1:8000/a b"])
def test_an_address_that_is_none_is_one_line(address: str) -> None:
    with pytest.raises(UserError, match="no OpenAI-compatible server at"):
        server.served_model(f"http://{address}/v1")
    with pytest.raises(UserError, match="is the server up"):
        openai_client.post(Endpoint(f"http://{address}/v1"), "tokenize", {})


def test_a_port_that_speaks_something_else_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            for _ in range(2):
                connection, _ = other.accept()
                connection.recv(10_000)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                connection.close()

        Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{other.getsockname()[1]}/v1"
        with pytest.raises(UserError, match=r"no OpenAI-compatible server at .*SSH-2\.0"):
            server.served_model(url)
        with pytest.raises(UserError, match=r"no answer \(.*is the server up"):
            openai_client.post(Endpoint(url), "tokenize", {})


@pytest.mark.parametrize("key", ["bench.command", "deploy.stack"])
def test_a_command_that_does_not_exist(key: str) -> None:
    with (
        pytest.raises(UserError, match=rf"^{key}: no-such-server does not start"),
        server.serving(["no-such-server"], "", patience=1, key=key),
    ):
        pass


def test_a_server_that_ends_at_once() -> None:
    with (
        pytest.raises(UserError, match="ended with code 3"),
        server.serving([sys.executable, "-c", "raise SystemExit(3)"], "", patience=300),
    ):
        pass


def test_time_per_token_leaves_out_the_first() -> None:
    timing = Timing(stamps=(1.0, 1.4, 2.0), total=2.0, input_tokens=3, output_tokens=11)
    figures = summarise_timings([timing], 2.0)
    assert (figures["ttft_ms_p50"], figures["tpot_ms_p50"], figures["itl_ms_p50"]) == (
        1000,
        100,
        500,
    )
    assert (figures["output_tokens_per_s"], figures["input_tokens_mean"]) == (5.5, 3)
    assert cost_per_1000(figures, machine_per_hour=1.8) == pytest.approx(1.0)


def test_goodput_counts_what_kept_both_limits() -> None:
    timings = [Timing(stamps, stamps[-1], 1, 2) for stamps in ((1, 2), (1.1, 1.2), (0.5, 2.1))]
    load, single = summarise_timings(timings, 2.0), single_requests(timings)
    limits = LatencyLimits(ttft_ms_p95=1000, e2e_ms_p95=2000)
    assert goodput(load, single, limits) == pytest.approx(0.5)
