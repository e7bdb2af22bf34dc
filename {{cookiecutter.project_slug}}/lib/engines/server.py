"""Start an OpenAI-compatible server, wait until it is ready, and stop it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from types import FrameType

from lib.engines.builds import llamacpp
from lib.engines.openai_client import Refused, headers
from lib.runtime.errors import UserError
from lib.runtime.processes import descendants, die_with_parent, runs

LOG = Path(".scratch/server.log")
LLAMA_SERVER = "{llama-server}"  # stands in a command for the one that `make llamacpp` built
POLITE = 20  # seconds that a server may take to end after SIGTERM
ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)  # would end this process at once


@contextmanager
def serving(
    command: list[str], model: str, patience: float, key: str = "bench.command", key_env: str = ""
) -> Iterator[str]:
    """Run a server and yield its URL; stop it and all it started, whatever happens.

    {model}, {port} and {llama-server} in the command are filled in. If this process gets SIGKILL,
    only the server itself is stopped, and only on Linux. Errors name the `key` of params.yaml that
    sets the command.
    """
    port = free_port()
    filled = [part.replace("{model}", model).replace("{port}", str(port)) for part in command]
    if filled[0] == LLAMA_SERVER:
        filled[0] = str(llamacpp("llama-server"))
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("wb") as log, leaving_on_signals():
        try:
            process = subprocess.Popen(
                filled,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        except OSError as error:
            raise UserError(f"{key}: {filled[0]} does not start ({error.strerror})") from None
        try:
            url = f"http://127.0.0.1:{port}/v1"
            wait_until_up(url, process, patience, key, key_env)
            yield url
        finally:
            stop(process)


@contextmanager
def leaving_on_signals() -> Iterator[None]:
    """Leave the block by an exception on a signal that would end this process.

    One that is ignored (a hangup under nohup) stays ignored.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    heard = [sign for sign in ENDINGS if signal.getsignal(sign) != signal.SIG_IGN]
    with handling(heard, leave):
        yield


@contextmanager
def putting_off_signals() -> Iterator[None]:
    """Delay signals that would end this process, Ctrl-C included, until the block ends."""
    late: list[int] = []
    with handling([*ENDINGS, signal.SIGINT], lambda number, _: late.append(number)):
        yield
    for number in late[:1]:
        signal.raise_signal(number)


@contextmanager
def handling(
    signs: list[signal.Signals], handler: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    """Handle signals with `handler` inside the block, and as before afterwards."""
    before = {sign: signal.signal(sign, handler) for sign in signs}
    try:
        yield
    finally:
        for sign, old in before.items():
            signal.signal(sign, old)


def free_port() -> int:
    """Find a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_up(
    url: str, process: subprocess.Popen[bytes], patience: float, key: str, key_env: str
) -> None:
    """Wait until a server lists its models.

    Raises UserError when it ends, rejects the key or takes longer than `patience` (seconds).
    """
    deadline, said = time.monotonic() + patience, "it was given no time"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise UserError(f"{key}: ended with code {process.returncode}; see {LOG}")
        try:
            served_model(url, key_env, key)
        except Refused:
            raise
        except UserError as error:
            said = str(error)
            time.sleep(0.5)
            continue
        return
    raise UserError(f"{key}: not ready after {patience:.0f} s ({said}); see {LOG}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and its child processes: by SIGTERM, then by SIGKILL; not interruptible."""
    with putting_off_signals():
        started = descendants(process.pid)
        for sign in (signal.SIGTERM, signal.SIGKILL):  # its children may outlive it
            with suppress(ProcessLookupError, PermissionError):  # macOS: all are zombies
                os.killpg(process.pid, sign)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=POLITE)
        for one in started:  # children in a session of their own
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        deadline = time.monotonic() + POLITE
        while any(map(runs, started)) and time.monotonic() < deadline:
            time.sleep(0.01)  # until their ports are free


def served_model(url: str, key_env: str = "", key: str = "bench.url") -> str:
    """Return the id of the first model that a server lists.

    Raises UserError when it does not answer, Refused when it rejects the key. Errors name the `key`
    of params.yaml that sets the server.
    """
    try:
        request = urllib.request.Request(f"{url}/models", headers=headers(key_env))  # noqa: S310
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
            return str(json.load(response)["data"][0]["id"])
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            ours = key.startswith("answer.")  # a server that is started for answers has no key
            cure = (
                "start it without one"
                if ours
                else "bench.key_env names the environment variable that holds it"
            )
            raise Refused(
                f"{key}: {url}/models answered {error.code}: it requires a key; {cure}", error.code
            ) from None
        raise UserError(f"{key}: no OpenAI-compatible server at {url} ({error})") from None
    except (OSError, HTTPException, ValueError, LookupError, TypeError) as error:
        reason = str(getattr(error, "reason", error)).strip()
        raise UserError(f"{key}: no OpenAI-compatible server at {url} ({reason})") from None
