"""Chats to token ids, the same for training, evaluation and serving."""

import json
import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from lib.core.records import Message
from lib.core.turns import has_more
from lib.model.rendered import CURE, check_rendered, for_template, without_context
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
    if system and "tools" in messages[0] and not messages[0]["content"]:
        return [Message(role="system", content=system, tools=messages[0]["tools"]), *messages[1:]]
    if not system or messages[0]["role"] == "system":
        return messages
    return [Message(role="system", content=system), *messages]


def render(
    tokenizer: "PreTrainedTokenizerBase", chat: list[Message], **options: bool
) -> "BatchEncoding":
    """Render a chat to token ids; raise UserError when the template refuses it, or fails."""
    encoded: BatchEncoding = by_template(tokenizer, chat, return_dict=True, **options)
    return encoded


def render_text(
    tokenizer: "PreTrainedTokenizerBase", chat: list[Message], prompt: bool = False
) -> str:
    """Render a chat to text; with `prompt` up to where an answer begins.

    Raises UserError as `render` does, and where the template leaves out a part of the chat.
    """
    text = str(by_template(tokenizer, chat, tokenize=False, add_generation_prompt=prompt))
    if has_more(chat):
        check_rendered(text, chat)
    return text


def by_template(tokenizer: "PreTrainedTokenizerBase", chat: list[Message], **options: bool) -> Any:
    """Ask the tokenizer's template; raise UserError when it refuses the chat, or fails."""
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
    """Return the token ids up to where the model's answer begins."""
    chat = with_system(prompt, system)
    if has_more(chat):
        render_text(tokenizer, chat, prompt=True)
    return list(render(tokenizer, chat, add_generation_prompt=True)["input_ids"])


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
    if has_more(chat):
        render_text(tokenizer, chat)
    learnt = encoded["assistant_masks"] if marked else last_answer(tokenizer, messages, system, ids)
    learnt = without_context(list(learnt), chat) if marked else learnt
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
