"""Chats to token ids, the same for training, evaluation and serving."""

import json
import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from lib.core.records import Message
from lib.runtime.errors import UserError

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedTokenizerBase

TODAY = date(2024, 7, 26)  # of every prompt: Llama 3's own choice
NOW = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1\s*\)""")
MISTAKES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # in a template
IGNORED = -100  # the label PyTorch's cross entropy skips


@dataclass(frozen=True)
class Example:
    """One training example: token ids, and labels of the same length (IGNORED where not learnt)."""

    input_ids: list[int]
    labels: list[int]


def freeze(template: str) -> str:
    """Fix what would change a chat template's prompt tomorrow.

    Today's date becomes a fixed one (Llama 3.2, gpt-oss), and a model that can think aloud (Qwen3)
    answers at once. The tuned model is saved with it, so every server renders what training saw.
    """
    frozen = NOW.sub(lambda found: json.dumps(TODAY.strftime(found[2])), template)
    return "{%- set enable_thinking = false %}" * ("enable_thinking" in frozen) + frozen


def with_system(messages: list[Message], system: str) -> list[Message]:
    """Put the task's system prompt first, unless the chat brings its own or the task has none."""
    if not system or messages[0]["role"] == "system":
        return messages
    return [Message(role="system", content=system), *messages]


def render(
    tokenizer: "PreTrainedTokenizerBase", chat: list[Message], **options: bool
) -> "BatchEncoding":
    """Render a chat to token ids; raise UserError when the template refuses it, or fails."""
    from jinja2 import TemplateError

    try:
        return tokenizer.apply_chat_template(chat, return_dict=True, **options)
    except TemplateError as error:
        raise UserError(
            f"chat template of the base: {error}; does it take a system prompt (task.system)?"
        ) from None
    except MISTAKES as error:
        first = (str(error).splitlines() or [""])[0]
        raise UserError(
            f"chat template of the base: {type(error).__name__}: {first}; fix the template"
        ) from None


def encode_prompt(
    tokenizer: "PreTrainedTokenizerBase", prompt: list[Message], system: str
) -> list[int]:
    """Return the token ids up to where the model's answer begins."""
    encoded = render(tokenizer, with_system(prompt, system), add_generation_prompt=True)
    return list(encoded["input_ids"])


def encode_example(
    tokenizer: "PreTrainedTokenizerBase", messages: list[Message], system: str
) -> Example:
    """Return token ids and labels of a whole chat.

    Learned are the assistant's turns, each with its end-of-turn token, that the template marks with
    `generation`; without marks, the last one.
    """
    marked = re.search(r"\{%-?\s*generation", str(tokenizer.chat_template)) is not None
    chat = with_system(messages, system)
    encoded = render(tokenizer, chat, return_assistant_tokens_mask=marked)
    ids = list(encoded["input_ids"])
    learnt = encoded["assistant_masks"] if marked else last_answer(tokenizer, messages, system, ids)
    labels = [token if mask else IGNORED for token, mask in zip(ids, learnt, strict=True)]
    return Example(ids, labels)


def last_answer(
    tokenizer: "PreTrainedTokenizerBase", messages: list[Message], system: str, ids: list[int]
) -> list[int]:
    """Mask of the last answer up to its end-of-turn token, for templates without markers."""
    start = len(prompt := encode_prompt(tokenizer, messages[:-1], system))
    if ids[:start] != prompt:
        raise UserError(
            "chat template: the rendered prompt is not a prefix of the rendered chat, so the "
            "answer cannot be separated from it; put {% generation %} markers into the template"
        )
    ends = [index for index in range(start, len(ids)) if ids[index] == tokenizer.eos_token_id]
    end = ends[-1] + 1 if ends else len(ids)
    return [int(start <= index < end) for index in range(len(ids))]
