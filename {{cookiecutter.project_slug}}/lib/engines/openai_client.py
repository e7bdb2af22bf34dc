"""Requests to an OpenAI-compatible server, by the openai client.

What a server may do better a moment later (429, 5xx, a time-out, a lost connection) it is asked
again, up to RETRIES times: after half a second, then twice as long each time, or when the server
says. An error is one line that names the section of params.yaml the server stands in, and never
holds its key.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from lib.runtime.errors import UserError

ANSWER_SECONDS = 600  # one answer may take
CONNECT = 10  # seconds until a connection stands
RETRIES = 5  # 15 seconds of waiting in all, unless the server asks for more


@dataclass(frozen=True)
class Endpoint:
    """A server that is asked: its URL, ending in /v1, the model it is asked for, the environment
    variable that holds its key, and the section of params.yaml that errors name."""

    url: str
    model: str = ""
    key_env: str = ""
    section: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)  # of a request: replaces ours

    def named(self) -> str:
        """Name the server for an error: its section, and its URL without a password."""
        bare = re.sub("//[^/@]*@", "//", self.url.rstrip("/"))
        return f"{self.section}: {bare}" if self.section else bare


class Refused(UserError):
    """The server answered, with an HTTP status that says no."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@cache
def connect(url: str, key: str) -> Any:
    """Make the client of a server, with `key` and no other key of the environment.

    Without a key it sends the word none, as it must send something. Each request opens its own
    connection: llama.cpp closes idle ones, and reuse would race with that.
    """
    from openai import Omit, OpenAI, Timeout

    headers = {
        "Authorization": f"Bearer {key or 'none'}",  # whatever OPENAI_CUSTOM_HEADERS says
        "Connection": "close",
        "OpenAI-Organization": Omit(),
        "OpenAI-Project": Omit(),
    }
    return OpenAI(
        base_url=url,
        api_key=key or "none",
        timeout=Timeout(ANSWER_SECONDS, connect=CONNECT),
        max_retries=RETRIES,
        default_headers=headers,
    )


def call(endpoint: Endpoint, route: str, send: Callable[[Any], Any]) -> Any:
    """Return the JSON of the reply that `send` gets from the client.

    Raises UserError when there is none, Refused when the server says no.
    """
    import httpx2
    import openai

    key = read_key(endpoint.key_env) if endpoint.key_env else ""
    where = f"{endpoint.named()}/{route}"
    try:
        response = send(connect(endpoint.url, key))
    except openai.APIStatusError as error:
        said = _without(key, error.response.text)[:200]
        tried = f"{where}: answered {error.status_code}{tries(error)}"
        raise Refused(f"{tried}: {said}", error.status_code) from None
    except (openai.OpenAIError, httpx2.InvalidURL, ValueError) as error:
        reason = _without(key, str(error.__cause__ or error))
        raise UserError(f"{where}: no answer{tries(error)} ({reason}); is the server up?") from None
    try:
        return response.json()
    except ValueError:
        said = _without(key, response.text)[:100]
        raise UserError(f"{where}: its reply is no JSON: {said!r}") from None


def tries(error: Any) -> str:
    """Say how often the server was asked, if more than once: the client counts in a header."""
    request = getattr(error, "request", None)
    again = int(request.headers.get("x-stainless-retry-count", 0)) if request else 0
    return f" in {again + 1} tries" if again else ""


def _without(key: str, said: str) -> str:
    """Put a server's words on one line, without the key, which some quote."""
    return " ".join((said.replace(key, "[key]") if key else said).split())


def post(endpoint: Endpoint, route: str, body: dict[str, Any]) -> Any:
    """Return the JSON of one of the server's own routes, which is asked once."""
    import httpx2

    once = {"max_retries": 0}
    return call(
        endpoint,
        route,
        lambda client: client.post(f"/{route}", cast_to=httpx2.Response, body=body, options=once),
    )


def headers(key_env: str) -> dict[str, str]:
    """Return the headers with the key of an environment variable; none where none is named."""
    return {"Authorization": f"Bearer {read_key(key_env)}"} if key_env else {}


def read_key(name: str) -> str:
    """Read the secret in an environment variable."""
    key = os.environ.get(name, "")
    if not key:
        raise UserError(f"{name}: this environment variable with the server's key is not set")
    if not (key.isascii() and key.isprintable()):
        raise UserError(f"{name}: the key in it has a line break or a character that no key has")
    return key
