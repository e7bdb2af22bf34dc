"""Ask a server all cases: each answer is kept as it comes, and no more is spent than may be."""

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
BYTES_PER_TOKEN = 2  # at least, of prose in any language: to tell what a request may cost
ONE_CASE = (400, 413, 422)  # what a server answers to a request that it does not take
_FEW = 0.05  # of the cases may be refused so; more are a mistake of all requests


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
        """Put what a request cost in place of what was reserved; that stays where nobody counts."""
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
    """Ask for greedy answers in the order of the prompts, `concurrency` requests at once.

    A prompt is a chat, or token ids. Each answer is `finish`ed (masked, say; it is given the
    prompt's index) and kept as it comes, and never asked for again while it is. `weights` tells
    apart what a server that was started here serves; `schema` is what it holds answers to. Raises
    UserError that says how many answers are missing, when the server gives none or the budget is
    spent. A few requests that the server does not take, too long ones say, are empty answers that
    say so in `finish`.
    """
    how = (max_new_tokens, schema, dict(endpoint.options))
    keys = keys_of(endpoint, prompts, how, weights)
    found = {key: Answer(**kept.rows[key]) for key in keys if key in kept.rows}
    if found:
        print(f"{len(found):,} of {len(prompts):,} answers are kept of a run of {kept.since()}")
    budget = Budget(limits or BudgetParams(), endpoint.section, list(found.values()))

    refused = dict[int, Refused]()  # by the index of the prompt, what the server said
    one_by_one = threading.Lock()  # recognizers of personal data are not made for threads

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
    """Note that a server did not take the case at an index.

    Raises Refused where it does not say so of one case, UserError where too many were refused.
    """
    if no.status not in ONE_CASE:
        raise no
    if len(refused) >= max(3, _FEW * cases):
        raise UserError(
            f"{no}; so it did to {len(refused)} others: a mistake in all requests, or cases that "
            "are too long for it"
        ) from None
    refused[index] = no


def _not_answered(index: int, cases: int, no: Refused) -> dict[str, Any]:
    """Return the empty answer, as a row, to a case that a server did not take; print why."""
    print(f"case {index + 1:,} of {cases:,} was refused, and is not answered: {no}")
    return asdict(Answer("", 0, 0, f"{NOT_TAKEN}{no.status}"))


def at_once(ask: Callable[[int], None], indices: list[int], concurrency: int) -> None:
    """Call `ask` with each index in threads, `concurrency` at once; raise the first error.

    Nothing is asked any more then; what is on its way is waited for, and kept.
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


def _size(prompt: ChatOrTokens) -> int:
    """Return the tokens that a prompt has at most: of a chat by its bytes."""
    if prompt and isinstance(prompt[0], int):
        return len(prompt)
    said = "".join(turn["content"] for turn in prompt)  # type: ignore[index]
    return len(said.encode("utf-8", "replace")) // BYTES_PER_TOKEN + 16 * len(prompt)
