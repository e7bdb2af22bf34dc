"""Any OpenAI-compatible server: ask it for answers."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from typing import Any

from tqdm import tqdm

from lib.core.records import Message
from lib.core.turns import request_of
from lib.engines.answer import Answer
from lib.engines.kept import Kept, fingerprint
from lib.engines.openai_client import Endpoint, Refused, call
from lib.engines.params import BudgetParams
from lib.runtime.errors import UserError

Prompt = list[Message] | list[int]
BYTES_PER_TOKEN = 2  # at least, of prose in any language: to tell what a request may cost


def complete_chat(
    endpoint: Endpoint, chat: list[Message], max_new_tokens: int, **options: Any
) -> dict[str, Any]:
    """Return the whole reply to a chat, greedy; `options` go into the request."""
    return call(
        endpoint,
        "chat/completions",
        lambda client: (
            client.chat.completions.with_raw_response.create(
                model=endpoint.model,
                **request_of(chat),
                max_tokens=max_new_tokens,
                temperature=0,
                **options,
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
    try:
        reply = complete_chat(endpoint, chat, max_new_tokens, **options)
    except Refused as refused:
        if refused.status == 400 and "content_filter" in str(refused):  # as Azure and others say it
            return Answer("", 0, 0, "content_filter")
        raise
    return read_answer(reply, lambda choice: said_in(choice["message"]), endpoint)


def said_in(message: dict[str, Any]) -> str:
    """Return what a reply says and calls: some servers take the calls out of the text."""
    texts = [
        f'<tool_call>\n{{"name": {json.dumps(called["name"])}, "arguments": {called["arguments"]}}}'
        "\n</tool_call>"
        for called in (one["function"] for one in message.get("tool_calls") or [])
    ]
    return "\n".join(filter(None, [message["content"] or "", *texts]))


def answer_tokens(
    endpoint: Endpoint,
    ids: list[int],
    max_new_tokens: int,
    schema: dict[str, Any] | None = None,
) -> Answer:
    """Ask for the greedy answer to token ids, exactly those of training (vLLM, llama.cpp).

    schema: the JSON Schema that the server holds the answer to.
    """
    # vLLM's name for it and llama.cpp's: each leaves the other's aside
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
    answer = read_answer(reply, lambda choice: choice["text"], endpoint)
    if answer.input_tokens != len(ids):
        raise UserError(
            f"{endpoint.named()}: counted {answer.input_tokens} tokens where {len(ids)} token ids "
            "were sent: it reads them as text or adds its own; set its `prompts` to chat"
        )
    return answer


def read_answer(reply: Any, text: Callable[[Any], str], endpoint: Endpoint) -> Answer:
    """Read the answer in a reply of a server; raises UserError when the reply holds none."""
    try:
        choice, usage = reply["choices"][0], reply["usage"]
        finish = choice["finish_reason"]
        return Answer(
            text=text(choice),
            input_tokens=int(usage["prompt_tokens"]),
            output_tokens=int(usage["completion_tokens"]),
            finish=finish if finish in ("length", "content_filter") else "stop",
        )
    except (LookupError, TypeError) as error:
        raise UserError(
            f"{endpoint.named()}: its reply is not OpenAI-compatible "
            f"({type(error).__name__} {error}): {reply!r:.200}"
        ) from None


class Budget:
    """What may be spent on one evaluation: requests that are answered, and tokens."""

    def __init__(self, limits: BudgetParams, section: str, spent: Sequence[Answer]) -> None:
        self.limits, self.section, self.lock = limits, section, threading.Lock()
        self.requests = len(spent)
        self.tokens = sum(one.input_tokens + one.output_tokens for one in spent)

    def reserve(self, tokens: int) -> None:
        """Take a request and the tokens that it may cost.

        Raises UserError where they are not left.
        """
        with self.lock:
            for name, wanted in ("requests", self.requests + 1), ("tokens", self.tokens + tokens):
                most = getattr(self.limits, name)
                if most is not None and wanted > most:
                    raise UserError(
                        f"params.yaml: {self.section}.budget.{name} is {most:,}, and the next "
                        f"request might make it {wanted:,}; raise it, or ask fewer cases"
                    )
            self.requests += 1
            self.tokens += tokens

    def settle(self, tokens: int, answer: Answer) -> None:
        """Put what a request cost in place of what was reserved."""
        with self.lock:
            self.tokens += answer.input_tokens + answer.output_tokens - tokens


def answer_all(
    endpoint: Endpoint,
    prompts: Sequence[Prompt],
    max_new_tokens: int,
    concurrency: int,
    kept: Kept,
    finish: Callable[[int, Answer], Answer] = lambda _, answer: answer,
    limits: BudgetParams | None = None,
    weights: str = "",
    schema: dict[str, Any] | None = None,
) -> list[Answer]:
    """Ask for greedy answers in the order of the prompts, `concurrency` requests at once.

    A prompt is a chat, or token ids. Each answer is `finish`ed (masked, say; it is given the
    prompt's index) and kept as it comes, and never asked for again while it is. `weights` tells
    apart what a server that was started here serves; `schema` is what it holds answers to. Raises
    UserError that says how many answers are missing, when the server gives none or the budget is
    spent.
    """
    keys = keys_of(endpoint, prompts, (max_new_tokens, schema), weights)
    found = {key: Answer(**kept.rows[key]) for key in keys if key in kept.rows}
    if found:
        print(f"{len(found):,} of {len(prompts):,} answers are kept of a run of {kept.since()}")
    budget = Budget(limits or BudgetParams(), endpoint.section, list(found.values()))

    one_by_one = threading.Lock()  # recognizers of personal data are not made for threads

    def ask(index: int) -> None:
        prompt = prompts[index]
        may_cost = size(prompt) + max_new_tokens
        budget.reserve(may_cost)
        one = answer_tokens if prompt and isinstance(prompt[0], int) else answer_chat
        answer = one(endpoint, prompt, max_new_tokens, schema)  # type: ignore[arg-type]  # by its kind
        budget.settle(may_cost, answer)
        with one_by_one:
            kept.add(keys[index], asdict(finish(index, answer)))

    missing = [index for index, key in enumerate(keys) if key not in found]
    with ThreadPoolExecutor(concurrency) as pool:
        waiting = [pool.submit(ask, index) for index in missing]
        try:
            for future in tqdm(as_completed(waiting), "answers", len(waiting), disable=None):
                future.result()
        except UserError as error:
            pool.shutdown(cancel_futures=True)  # what is on its way is waited for, and kept
            left = sum(key not in kept.rows for key in keys)
            raise UserError(f"{error}; {told(left, len(keys))}") from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [Answer(**kept.rows[key]) for key in keys]


def keys_of(endpoint: Endpoint, prompts: Sequence[Prompt], how: object, weights: str) -> list[str]:
    """Return a key for each prompt; the same prompt of several cases has several."""
    url, seen, keys = "" if weights else endpoint.url, Counter[str](), list[str]()
    for prompt in prompts:  # a server that is started has another port each time
        key = fingerprint(url, endpoint.model, weights, how, prompt)
        keys.append(f"{key}-{seen[key]}")
        seen[key] += 1
    return keys


def told(left: int, of: int) -> str:
    """Say how many answers are missing, and what happens to the others."""
    missing = f"{left:,} of {of:,} answers are missing"
    return missing if left == of else f"{missing}: run it again, and only these are asked for"


def size(prompt: Prompt) -> int:
    """Return the tokens that a prompt has at most: of a chat by its bytes."""
    if prompt and isinstance(prompt[0], int):
        return len(prompt)
    said = "".join(turn["content"] for turn in prompt)  # type: ignore[index]
    return len(said.encode("utf-8", "replace")) // BYTES_PER_TOKEN + 16 * len(prompt)
