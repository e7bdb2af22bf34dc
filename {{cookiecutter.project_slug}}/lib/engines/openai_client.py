"""Send requests to an OpenAI-compatible server with the openai client.

Temporary failures (429, 5xx, a timeout, a lost connection) are retried up to RETRIES times: after
half a second, then twice as long each time, or when the server says. An error is one line that
names the section of params.yaml with the server, and never contains its key.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from lib.runtime.errors import UserError

ANSWER_SECONDS = 600  # seconds that one answer may take
CONNECT = 10  # seconds to establish a connection
RETRIES = 5  # 15 seconds of waiting in all, unless the server asks for more


@dataclass(frozen=True)
class Endpoint:
    """A server: its URL, ending in /v1, the model to request, and where its key is.

    key_env: environment variable with the key; section: of params.yaml, for errors."""

    url: str
    model: str = ""
    key_env: str = ""
    section: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)  # keys of a request that replace ours

    def named(self) -> str:
        """Describe the server for an error: its section, and its URL without a password."""
        bare = re.sub("//[^/@]*@", "//", self.url.rstrip("/"))
        return f"{self.section}: {bare}" if self.section else bare


class Refused(UserError):
    """The server rejected the request with an HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@cache
def connect(url: str, key: str) -> Any:
    """Create the client of a server, with `key` and no other key from the environment.

    Without a key it sends the word none, since the client must send one. Each request opens its own
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

    Raises UserError if there is none, Refused if the server rejects the request.
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
        raise UserError(f"{where}: its reply is not JSON: {said!r}") from None


def tries(error: Any) -> str:
    """Say how often the request was sent, if more than once; the client counts in a header."""
    request = getattr(error, "request", None)
    again = int(request.headers.get("x-stainless-retry-count", 0)) if request else 0
    return f" in {again + 1} tries" if again else ""


def _without(key: str, said: str) -> str:
    """Put a server's message on one line and remove the key, which some servers quote."""
    return " ".join((said.replace(key, "[key]") if key else said).split())


def post(endpoint: Endpoint, route: str, body: dict[str, Any]) -> Any:
    """Post once to one of the server's own routes; return the JSON of the reply."""
    import httpx2

    once = {"max_retries": 0}
    return call(
        endpoint,
        route,
        lambda client: client.post(f"/{route}", cast_to=httpx2.Response, body=body, options=once),
    )


def headers(key_env: str) -> dict[str, str]:
    """Return the headers with the key from an environment variable; {} without a name."""
    return {"Authorization": f"Bearer {read_key(key_env)}"} if key_env else {}


def read_key(name: str) -> str:
    """Read the secret in an environment variable."""
    key = os.environ.get(name, "")
    if not key:
        raise UserError(f"{name}: this environment variable with the server's key is not set")
    if not (key.isascii() and key.isprintable()):
        raise UserError(
            f"{name}: its key contains a line break or a character that keys cannot have"
        )
    return key
