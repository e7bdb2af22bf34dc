"""Any OpenAI-compatible server: ask it for answers."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lib.core.records import Message
from lib.core.turns import request_of
from lib.engines.answer import Answer
from lib.engines.openai_client import call, named
from lib.runtime.errors import UserError


def complete_chat(
    url: str,
    model: str,
    chat: list[Message],
    max_new_tokens: int,
    key_env: str = "",
    section: str = "",
    **options: Any,
) -> dict[str, Any]:
    """Return the whole reply to a chat, greedy; `options` go into the request."""
    return call(
        url,
        "chat/completions",
        key_env,
        section,
        lambda client: (
            client.chat.completions.with_raw_response.create(
                model=model,
                **request_of(chat),
                max_tokens=max_new_tokens,
                temperature=0,
                **options,
            ).http_response
        ),
    )


def answer_chat(
    url: str,
    model: str,
    chat: list[Message],
    max_new_tokens: int,
    key_env: str = "",
    section: str = "",
) -> Answer:
    """Ask for the greedy answer to a chat, which the server renders with its own template."""
    reply = complete_chat(url, model, chat, max_new_tokens, key_env, section)
    where = named(url, section)
    return read_answer(reply, lambda choice: said_in(choice["message"]), where)


def said_in(message: dict[str, Any]) -> str:
    """Return what a reply says and calls: some servers take the calls out of the text."""
    texts = [
        f'<tool_call>\n{{"name": {json.dumps(called["name"])}, "arguments": {called["arguments"]}}}'
        "\n</tool_call>"
        for called in (one["function"] for one in message.get("tool_calls") or [])
    ]
    return "\n".join(filter(None, [message["content"] or "", *texts]))


def answer_tokens(
    url: str,
    model: str,
    ids: list[int],
    max_new_tokens: int,
    key_env: str = "",
    section: str = "",
) -> Answer:
    """Ask for the greedy answer to token ids, exactly those of training (vLLM, llama.cpp)."""
    reply = call(
        url,
        "completions",
        key_env,
        section,
        lambda client: (
            client.completions.with_raw_response.create(
                model=model, prompt=ids, max_tokens=max_new_tokens, temperature=0
            ).http_response
        ),
    )
    where = named(url, section)
    answer = read_answer(reply, lambda choice: choice["text"], where)
    if answer.input_tokens != len(ids):
        raise UserError(
            f"{where}: counted {answer.input_tokens} tokens where {len(ids)} token ids were sent: "
            "it reads them as text or adds its own; set its `prompts` to chat"
        )
    return answer


def read_answer(reply: Any, text: Callable[[Any], str], where: str) -> Answer:
    """Read the answer in a reply of a server; raises UserError when the reply holds none."""
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
            f"{where}: its reply is not OpenAI-compatible ({type(error).__name__} {error}): "
            f"{reply!r:.200}"
        ) from None


def answer_all(
    url: str,
    model: str,
    prompts: Sequence[list[Message]] | Sequence[list[int]],
    max_new_tokens: int,
    concurrency: int,
    key_env: str = "",
    section: str = "",
) -> list[Answer]:
    """Ask for greedy answers in the order of the prompts, `concurrency` requests at once.

    A prompt is a chat, or token ids.
    """

    def ask(prompt: Any) -> Answer:
        one = answer_tokens if prompt and isinstance(prompt[0], int) else answer_chat
        return one(url, model, prompt, max_new_tokens, key_env, section)

    with ThreadPoolExecutor(concurrency) as pool:
        waiting = [pool.submit(ask, prompt) for prompt in prompts]
        try:
            return [future.result() for future in waiting]
        except UserError:
            pool.shutdown(cancel_futures=True)
            raise
