"""Turn chats into token ids and mark which are learnt; the same for training, eval and serving."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from lib.core.records import Message
from lib.core.turns import has_more
from lib.model.rendered import (
    CURE,
    SETS_THINKING,
    check_rendered,
    check_thinking,
    for_template,
)
from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedTokenizerBase

TODAY = date(2024, 7, 26)  # in every prompt: Llama 3's own default
NOW = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1\s*\)""")
# Errors inside a template.
MISTAKES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
IGNORED = -100  # the label that PyTorch's cross entropy ignores


@dataclass(frozen=True)
class Example:
    """One training example: token ids, and labels of the same length (IGNORED where not learnt)."""

    input_ids: list[int]
    labels: list[int]


def freeze(template: str) -> str:
    """Fix parts of a chat template that would change the prompt from day to day.

    Today's date becomes a fixed one (Llama 3.2, gpt-oss), and a model with a thinking mode (Qwen3)
    answers without thinking, unless the template begins by setting `enable_thinking`. The tuned
    model is saved with this template, so every server renders what training saw.
    """
    frozen = NOW.sub(lambda found: json.dumps(TODAY.strftime(found[2])), template)
    told = "enable_thinking" not in frozen or SETS_THINKING.match(frozen)
    return frozen if told else "{%- set enable_thinking = false %}" + frozen


def with_system(messages: list[Message], system: str) -> list[Message]:
    """Prepend the task's system prompt, unless the chat has its own or the task has none."""
    if system and "tools" in messages[0] and not messages[0]["content"]:
        return [Message(role="system", content=system, tools=messages[0]["tools"]), *messages[1:]]
    if not system or messages[0]["role"] == "system":
        return messages
    return [Message(role="system", content=system), *messages]


def render(
    tokenizer: "PreTrainedTokenizerBase", chat: list[Message], **options: bool
) -> "BatchEncoding":
    """Render a chat to token ids; raise UserError if the template rejects it or fails."""
    encoded: BatchEncoding = by_template(tokenizer, chat, return_dict=True, **options)
    return encoded


def render_text(
    tokenizer: "PreTrainedTokenizerBase", chat: list[Message], prompt: bool = False
) -> str:
    """Render a chat to text; with `prompt`, up to where an answer begins.

    Raises UserError as `render` does, and where the template omits a part of the chat.
    """
    text = str(by_template(tokenizer, chat, tokenize=False, add_generation_prompt=prompt))
    check_thinking(str(tokenizer.chat_template), chat)
    check_rendered(text, chat)
    return text


def by_template(tokenizer: "PreTrainedTokenizerBase", chat: list[Message], **options: bool) -> Any:
    """Apply the tokenizer's chat template; raise UserError if it rejects the chat or fails."""
    from jinja2 import TemplateError

    turns, tools = for_template(tokenizer, chat)
    try:
        return tokenizer.apply_chat_template(turns, tools=tools, **options)
    except TemplateError as error:
        asked = "does it take a system prompt (task.system)?"
        raise UserError(
            f"chat template of the base: {error}; {CURE if has_more(chat) else asked}"
        ) from None
    except MISTAKES as error:
        first = (str(error).splitlines() or [""])[0]
        raise UserError(
            f"chat template of the base: {type(error).__name__}: {first}; fix the template"
        ) from None


def encode_prompt(
    tokenizer: "PreTrainedTokenizerBase", prompt: list[Message], system: str
) -> list[int]:
    """Return the token ids of a prompt, up to where the model's answer begins.

    Raises UserError where the template omits a part of the prompt.
    """
    chat = with_system(prompt, system)
    render_text(tokenizer, chat, prompt=True)
    return prompt_ids(tokenizer, chat)


def prompt_ids(tokenizer: "PreTrainedTokenizerBase", chat: list[Message]) -> list[int]:
    """Return the token ids of a chat up to where its next answer begins."""
    return list(render(tokenizer, chat, add_generation_prompt=True)["input_ids"])


def encode_example(
    tokenizer: "PreTrainedTokenizerBase", messages: list[Message], system: str
) -> Example:
    """Encode a whole chat as token ids and labels.

    Assistant turns that the template marks with `generation` are learnt, each with its end-of-turn
    token; without marks, only the last one. An answer is learnt from where its prompt ends. An
    earlier answer that the template renders differently from its prompt (without its thought, say)
    is not learnt. Raises UserError where that is so of the last one, and where the template omits a
    part of the chat.
    """
    marked = re.search(r"\{%-?\s*generation", str(tokenizer.chat_template)) is not None
    chat = with_system(messages, system)
    encoded = render(tokenizer, chat, return_assistant_tokens_mask=marked)
    ids = list(encoded["input_ids"])
    render_text(tokenizer, chat)
    last = answer_start(tokenizer, chat, ids)
    learnt = last_answer(tokenizer, ids, last)
    if marked:
        marks = list(encoded["assistant_masks"])
        starts = [last, *earlier_starts(tokenizer, chat, ids)]
        learnt = marked_answers(marks, starts)
    labels = [token if mask else IGNORED for token, mask in zip(ids, learnt, strict=True)]
    return Example(ids, labels)


def answer_start(tokenizer: "PreTrainedTokenizerBase", chat: list[Message], ids: list[int]) -> int:
    """Return the index in `ids` where the prompt ends and the last answer begins.

    Raises UserError where the prompt is not a prefix of `ids`.
    """
    prompt = prompt_ids(tokenizer, chat[:-1])
    if ids[: len(prompt)] == prompt:
        return len(prompt)
    same = shared(ids, prompt)
    nearby = slice(max(same - 4, 0), same + 8)
    asked, learnt = str(tokenizer.decode(prompt[nearby])), str(tokenizer.decode(ids[nearby]))
    raise UserError(
        f"chat template: a prompt has {asked!r} where the trained chat has {learnt!r}: the model "
        "would be prompted with another text than it was trained on; copy the template, make the "
        "opening of an answer the same in both, and name the copy in base.chat_template"
    )


def shared(one: Sequence[object], other: Sequence[object]) -> int:
    """Return the length of the common prefix of two sequences."""
    pairs = zip(one, other, strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


def earlier_starts(
    tokenizer: "PreTrainedTokenizerBase", chat: list[Message], ids: list[int]
) -> list[int]:
    """List the indices where earlier answers begin, if their prompts are a prefix of the chat.

    Answers of weight 0 are left out.
    """
    starts = []
    for turn, message in enumerate(chat[:-1]):
        asked = any(one["role"] != "system" for one in chat[:turn])
        if message["role"] == "assistant" and asked and message.get("weight", 1):
            prompt = prompt_ids(tokenizer, chat[:turn])
            starts += [len(prompt)] * (ids[: len(prompt)] == prompt)
    return starts


def marked_answers(marks: list[int], starts: list[int]) -> list[int]:
    """Return a mask of the first marked span after each of `starts`."""
    learnt = [0] * len(marks)
    for start in starts:
        first = next((at for at in range(start, len(marks)) if marks[at]), len(marks))
        end = next((at for at in range(first, len(marks)) if not marks[at]), len(marks))
        learnt[first:end] = [1] * (end - first)
    return learnt


def last_answer(tokenizer: "PreTrainedTokenizerBase", ids: list[int], start: int) -> list[int]:
    """Return a mask of the last answer up to its end-of-turn token, for templates without marks."""
    ends = [index for index in range(start, len(ids)) if ids[index] == tokenizer.eos_token_id]
    end = ends[-1] + 1 if ends else len(ids)
    return [int(start <= index < end) for index in range(len(ids))]


def encode_answer(
    tokenizer: "PreTrainedTokenizerBase", prompt: list[Message], answer: str, stops: set[int]
) -> list[int]:
    """Return an answer's token ids as in training, up to and including the first of `stops`."""
    chat = [*prompt, Message(role="assistant", content=answer)]
    ids = list(render(tokenizer, chat)["input_ids"])
    said = ids[answer_start(tokenizer, chat, ids) :]
    end = next((at for at, token in enumerate(said) if token in stops), len(said) - 1)
    return said[: end + 1]
