"""Chats to token ids, the same for training, evaluation and serving."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lib.errors import UserError
from lib.records import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Templates that do not know a variable ignore it. Qwen3 must not think aloud before the answer, and
# Llama 3 must not put today's date into the prompt: tomorrow's run would read another one.
TEMPLATE_VARIABLES: dict[str, Any] = {"enable_thinking": False, "date_string": "26 Jul 2024"}
IGNORED = -100  # the label PyTorch's cross entropy skips


@dataclass(frozen=True)
class Example:
    """One training example: token ids, and labels of the same length (IGNORED where not learnt)."""

    input_ids: list[int]
    labels: list[int]


def with_system(messages: list[Message], system: str) -> list[Message]:
    """Put the task's system prompt first, unless the chat brings its own or the task has none."""
    if not system or messages[0]["role"] == "system":
        return messages
    return [Message(role="system", content=system), *messages]


def encode_prompt(
    tokenizer: "PreTrainedTokenizerBase", prompt: list[Message], system: str
) -> list[int]:
    """Token ids up to where the model's answer begins."""
    chat = with_system(prompt, system)
    encoded = tokenizer.apply_chat_template(
        chat, add_generation_prompt=True, return_dict=True, **TEMPLATE_VARIABLES
    )
    return list(encoded["input_ids"])


def encode_example(
    tokenizer: "PreTrainedTokenizerBase", messages: list[Message], system: str
) -> Example:
    """Token ids and labels of a whole chat: learnt are the assistant's turns, each with its
    end-of-turn token, that the template marks with `generation`; without marks, the last one."""
    chat = with_system(messages, system)
    marked = re.search(r"\{%-?\s*generation", str(tokenizer.chat_template)) is not None
    encoded = tokenizer.apply_chat_template(
        chat, return_dict=True, return_assistant_tokens_mask=marked, **TEMPLATE_VARIABLES
    )
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
            "chat template: the rendered prompt is no prefix of the rendered chat, so the answer "
            "cannot be told from it; put {% generation %} markers into the template"
        )
    ends = [place for place in range(start, len(ids)) if ids[place] == tokenizer.eos_token_id]
    end = ends[-1] + 1 if ends else len(ids)
    return [int(start <= place < end) for place in range(len(ids))]


def check_mask(example: Example, eos_token_id: int) -> None:
    """Refuse labels that learn nothing, or that never learn to stop; raises UserError."""
    learnt = [label for label in example.labels if label != IGNORED]
    if not learnt:
        raise UserError("loss mask: no token is learnt; does the chat template mark the answer?")
    if eos_token_id not in learnt:
        raise UserError(
            "loss mask: the end-of-turn token is not learnt, so the model would never stop; "
            "the template must close the answer with the tokenizer's eos token"
        )
