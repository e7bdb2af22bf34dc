"""Ask a server all cases, keep each answer as it arrives, and stay within the budget."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from typing import Any

from lib.core.records import Message
from lib.engines.answer import NOT_TAKEN, Answer
from lib.engines.api import answer_chat, answer_tokens
from lib.engines.kept import Kept, fingerprint
from lib.engines.openai_client import Endpoint, Refused
from lib.engines.params import BudgetParams
from lib.runtime.errors import UserError
from lib.runtime.progress import tell_progress

ChatOrTokens = list[Message] | list[int]
# At least, of prose in any language: to estimate what a request may cost.
BYTES_PER_TOKEN = 2
ONE_CASE = (400, 413, 422)  # HTTP statuses of a rejected request
_FEW = 0.05  # share of cases that may be rejected; more means that all requests are wrong


class Budget:
    """The budget of one evaluation: answered requests, and tokens."""

    def __init__(self, limits: BudgetParams, section: str, spent: Sequence[Answer]) -> None:
        self.limits, self.section, self.lock = limits, section, threading.Lock()
        self.requests = len(spent)
        self.tokens = sum(one.input_tokens + one.output_tokens for one in spent)

    def reserve(self, tokens: int) -> None:
        """Reserve a request and the tokens that it may cost.

        Raises UserError where the budget does not allow it.
        """
        with self.lock:
            for name, wanted in ("requests", self.requests + 1), ("tokens", self.tokens + tokens):
                most = getattr(self.limits, name)
                if most is not None and wanted > most:
                    raise UserError(
                        f"params.yaml: {self.section}.budget.{name} is {most:,}, and the next "
                        f"request could bring it to {wanted:,}; raise it, or ask fewer cases"
                    )
            self.requests += 1
            self.tokens += tokens

    def settle(self, tokens: int, answer: Answer) -> None:
        """Replace a reservation by the actual cost; it stays if the server reports no usage."""
        if spent := answer.input_tokens + answer.output_tokens:
            with self.lock:
                self.tokens += spent - tokens


def answer_all(
    endpoint: Endpoint,
    prompts: Sequence[ChatOrTokens],
    max_new_tokens: int,
    concurrency: int,
    kept: Kept,
    finish: Callable[[int, Answer], Answer] = lambda _, answer: answer,
    limits: BudgetParams | None = None,
    weights: str = "",
    schema: dict[str, Any] | None = None,
) -> list[Answer]:
    """Ask for greedy answers to all prompts, `concurrency` requests at once; keep their order.

    prompts: chats, or token ids. finish: post-processes an answer, given the prompt's index (masks
    it, say). kept: where each answer is stored as it arrives; a stored one is not asked for again.
    weights: identifies the model of a server that was started here. schema: constrains answers. A
    few requests that the server rejects (too long ones, say) become empty answers that say so in
    `finish`. Raises UserError with the number of missing answers if the server stops answering or
    the budget is spent.
    """
    how = (max_new_tokens, schema, dict(endpoint.options))
    keys = keys_of(endpoint, prompts, how, weights)
    found = {key: Answer(**kept.rows[key]) for key in keys if key in kept.rows}
    if found:
        print(f"{len(found):,} of {len(prompts):,} answers are kept from a run of {kept.since()}")
    budget = Budget(limits or BudgetParams(), endpoint.section, list(found.values()))

    refused = dict[int, Refused]()  # by the index of the prompt
    one_by_one = threading.Lock()  # recognizers of personal data are not thread-safe

    def ask(index: int) -> None:
        prompt = prompts[index]
        may_cost = _size(prompt) + max_new_tokens
        budget.reserve(may_cost)
        one = answer_tokens if prompt and isinstance(prompt[0], int) else answer_chat
        try:
            answer = one(endpoint, prompt, max_new_tokens, schema)  # type: ignore[arg-type]
        except Refused as no:
            _note_refusal(no, index, refused, len(prompts))
            return
        budget.settle(may_cost, answer)
        with one_by_one:
            kept.add(keys[index], asdict(finish(index, answer)))

    try:
        at_once(ask, [index for index, key in enumerate(keys) if key not in found], concurrency)
    except UserError as error:
        left = sum(key not in kept.rows for key in keys)
        raise UserError(f"{error}; {told(left, len(keys))}") from None
    rows = kept.rows | {
        keys[index]: _not_answered(index, len(keys), no) for index, no in sorted(refused.items())
    }
    return [Answer(**rows[key]) for key in keys]


def _note_refusal(no: Refused, index: int, refused: dict[int, Refused], cases: int) -> None:
    """Note that a server rejected the case at an index.

    Raises Refused for a status that does not concern a single case, UserError after too many.
    """
    if no.status not in ONE_CASE:
        raise no
    if len(refused) >= max(3, _FEW * cases):
        raise UserError(
            f"{no}; as were {len(refused)} others: all requests are wrong, or the cases are too "
            "long for it"
        ) from None
    refused[index] = no


def _not_answered(index: int, cases: int, no: Refused) -> dict[str, Any]:
    """Return an empty answer, as a row, for a case that a server rejected; print why."""
    print(f"case {index + 1:,} of {cases:,} was rejected by the server and has no answer: {no}")
    return asdict(Answer("", 0, 0, f"{NOT_TAKEN}{no.status}"))


def at_once(ask: Callable[[int], None], indices: list[int], concurrency: int) -> None:
    """Call `ask` with each index in threads, `concurrency` at once; raise the first error.

    After an error no new requests are sent; those in flight are awaited and kept.
    """
    with ThreadPoolExecutor(concurrency) as pool:
        waiting = [pool.submit(ask, index) for index in indices]
        try:
            for future in tell_progress("answers", as_completed(waiting), len(waiting), "answer"):
                future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def keys_of(
    endpoint: Endpoint, prompts: Sequence[ChatOrTokens], how: object, weights: str
) -> list[str]:
    """Return a unique key for each prompt, also where several cases have the same prompt."""
    url, seen, keys = "" if weights else endpoint.url, Counter[str](), list[str]()
    for prompt in prompts:  # a server that is started here gets another port each time
        key = fingerprint(url, endpoint.model, weights, how, prompt)
        keys.append(f"{key}-{seen[key]}")
        seen[key] += 1
    return keys


def told(left: int, of: int) -> str:
    """Say how many answers are missing, and that the others are kept."""
    missing = f"{left:,} of {of:,} answers are missing"
    return missing if left == of else f"{missing}: run it again, and only these are requested"


def _size(prompt: ChatOrTokens) -> int:
    """Return the most tokens that a prompt can have; for a chat estimated from its bytes."""
    if prompt and isinstance(prompt[0], int):
        return len(prompt)
    said = "".join(turn["content"] for turn in prompt)  # type: ignore[index]
    return len(said.encode("utf-8", "replace")) // BYTES_PER_TOKEN + 16 * len(prompt)
