"""Ask an OpenAI-compatible server for answers."""

import json
import time
from collections.abc import Callable
from typing import Any

from lib.core.records import Message
from lib.core.turns import request_of
from lib.engines.answer import Answer
from lib.engines.openai_client import Endpoint, Refused, call
from lib.runtime.errors import UserError

WAITS = (0.5, 1.0)  # seconds to wait before asking again after a reply without an answer


class NoAnswer(UserError):
    """The server's reply has no answer in it."""


def complete_chat(
    endpoint: Endpoint, chat: list[Message], max_new_tokens: int, **options: Any
) -> dict[str, Any]:
    """Ask for the greedy answer to a chat and return the whole reply.

    `options` are added to the request, then those of the endpoint; one that is None is left out.
    """
    ours = {"max_tokens": max_new_tokens, "temperature": 0} | options | dict(endpoint.options)
    body = {name: value for name, value in ours.items() if value is not None}
    return call(
        endpoint,
        "chat/completions",
        lambda client: (
            client.chat.completions.with_raw_response.create(
                model=endpoint.model,
                **request_of(chat),
                extra_body=body | body.pop("extra_body", {}),
            ).http_response
        ),
    )


def answer_chat(
    endpoint: Endpoint,
    chat: list[Message],
    max_new_tokens: int,
    schema: dict[str, Any] | None = None,
) -> Answer:
    """Ask for the greedy answer to a chat, which the server renders with its own template.

    schema: the JSON Schema that the server holds the answer to.
    """
    options: dict[str, Any] = {}
    if schema:
        named = {"name": "answer", "schema": schema}
        options["response_format"] = {"type": "json_schema", "json_schema": named}
    for wait in (*WAITS, None):
        try:
            reply = complete_chat(endpoint, chat, max_new_tokens, **options)
            return _read_answer(reply, lambda choice: said_in(choice["message"]), endpoint)
        except Refused as refused:
            if refused.status == 400 and "content_filter" in str(refused):  # Azure's form
                return Answer("", 0, 0, "content_filter")
            raise
        except NoAnswer:
            if wait is None:
                raise
            time.sleep(wait)
    raise AssertionError


def said_in(message: dict[str, Any]) -> str:
    """Return text and tool calls of a reply as one string; some servers separate the two."""
    texts = [
        f'<tool_call>\n{{"name": {json.dumps(called["name"])}, "arguments": {called["arguments"]}}}'
        "\n</tool_call>"
        for called in (one["function"] for one in message.get("tool_calls") or [])
    ]
    said = message["content"] or ""
    if isinstance(said, list):  # of parts
        said = "".join(part.get("text") or "" for part in said)
    return "\n".join(filter(None, [said, *texts]))


def answer_tokens(
    endpoint: Endpoint,
    ids: list[int],
    max_new_tokens: int,
    schema: dict[str, Any] | None = None,
) -> Answer:
    """Ask for the greedy answer to token ids, the same as in training (vLLM, llama.cpp).

    schema: the JSON Schema that the server holds the answer to.
    """
    # vLLM's name and llama.cpp's: each ignores the other's
    held = {"structured_outputs": {"json": schema}, "json_schema": schema} if schema else None
    reply = call(
        endpoint,
        "completions",
        lambda client: (
            client.completions.with_raw_response.create(
                model=endpoint.model,
                prompt=ids,
                max_tokens=max_new_tokens,
                temperature=0,
                extra_body=held,
            ).http_response
        ),
    )
    answer = _read_answer(reply, lambda choice: choice["text"], endpoint)
    if answer.input_tokens != len(ids):
        raise UserError(
            f"{endpoint.named()}: counted {answer.input_tokens} tokens where {len(ids)} token ids "
            "were sent: it reads them as text or adds tokens; set its `prompts` to chat"
        )
    return answer


def _read_answer(reply: Any, text: Callable[[Any], str], endpoint: Endpoint) -> Answer:
    """Read the answer in a server's reply; raise NoAnswer if there is none.

    Token counts that the server does not report are 0.
    """
    try:
        choice, usage = reply["choices"][0], reply.get("usage") or {}
        finish = choice["finish_reason"]
        return Answer(
            text=text(choice),
            input_tokens=int(usage.get("prompt_tokens") or 0),
            output_tokens=int(usage.get("completion_tokens") or 0),
            finish=finish if finish in ("length", "content_filter") else "stop",
        )
    except (LookupError, TypeError, AttributeError) as error:
        raise NoAnswer(
            f"{endpoint.named()}: its reply is not OpenAI-compatible "
            f"({type(error).__name__} {error}): {reply!r:.200}"
        ) from None
