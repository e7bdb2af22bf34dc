"""Any OpenAI-compatible server: ask it for answers. Nothing is tried twice: a failure is shown."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any

from lib.core.records import Message
from lib.engines.answer import Answer
from lib.runtime.errors import UserError

SECONDS = 600  # one answer may take


class Refused(UserError):
    """The server answered, with an HTTP status that says no."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def post(url: str, route: str, body: dict[str, Any], key_env: str = "") -> Any:
    """The JSON that a server answers to `body`; raises UserError when it does not."""
    request = urllib.request.Request(  # noqa: S310 the URL is the user's own
        f"{url.rstrip('/')}/{route}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"} | headers(key_env),
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310
            return json.load(response)
    except urllib.error.HTTPError as error:
        said = error.read(200).decode("utf-8", "replace").strip()
        raise Refused(f"{url}/{route}: answered {error.code}: {said}", error.code) from None
    except (OSError, HTTPException, ValueError) as error:
        reason = str(getattr(error, "reason", error)).strip()
        raise UserError(f"{url}/{route}: no answer ({reason}); is the server up?") from None


def headers(key_env: str) -> dict[str, str]:
    """What shows the key in an environment variable; nothing where none is named."""
    return {"Authorization": f"Bearer {read_key(key_env)}"} if key_env else {}


def read_key(name: str) -> str:
    """The secret in an environment variable."""
    key = os.environ.get(name, "")
    if not key:
        raise UserError(f"{name}: this environment variable with the server's key is not set")
    return key


def answer_chat(
    url: str, model: str, chat: list[Message], max_new_tokens: int, key_env: str = ""
) -> Answer:
    """The greedy answer to a chat, which the server renders with its own template."""
    body = {"model": model, "messages": chat, "max_tokens": max_new_tokens, "temperature": 0}
    reply = post(url, "chat/completions", body, key_env)
    return read_answer(reply, lambda choice: choice["message"]["content"] or "", url)


def answer_tokens(
    url: str, model: str, ids: list[int], max_new_tokens: int, key_env: str = ""
) -> Answer:
    """The greedy answer to token ids, exactly those of training (vLLM, llama.cpp)."""
    body = {"model": model, "prompt": ids, "max_tokens": max_new_tokens, "temperature": 0}
    answer = read_answer(
        post(url, "completions", body, key_env), lambda choice: choice["text"], url
    )
    if answer.input_tokens != len(ids):
        raise UserError(
            f"{url}: took {len(ids)} token ids for {answer.input_tokens} tokens: it reads them as "
            "text or adds its own; set answer.server.prompts to chat"
        )
    return answer


def read_answer(reply: dict[str, Any], text: Any, url: str) -> Answer:
    """The answer in a reply; raises UserError when the reply is none."""
    try:
        choice, usage = reply["choices"][0], reply["usage"]
        return Answer(
            text=text(choice),
            input_tokens=int(usage["prompt_tokens"]),
            output_tokens=int(usage["completion_tokens"]),
            finish="length" if choice["finish_reason"] == "length" else "stop",
        )
    except (LookupError, TypeError) as error:
        raise UserError(
            f"{url}: its reply is not OpenAI-compatible ({type(error).__name__} {error}): "
            f"{str(reply)[:200]}"
        ) from None


def answer_all(
    url: str,
    model: str,
    prompts: Sequence[list[Message]] | Sequence[list[int]],
    max_new_tokens: int,
    concurrency: int,
    key_env: str = "",
) -> list[Answer]:
    """Greedy answers in the order of the prompts, `concurrency` requests at once. A prompt is a
    chat, or token ids."""

    def ask(prompt: Any) -> Answer:
        one = answer_tokens if prompt and isinstance(prompt[0], int) else answer_chat
        return one(url, model, prompt, max_new_tokens, key_env)

    with ThreadPoolExecutor(concurrency) as pool:
        waiting = [pool.submit(ask, prompt) for prompt in prompts]
        try:
            return [future.result() for future in waiting]
        except UserError:
            pool.shutdown(cancel_futures=True)
            raise
