"""What is learnt and what the model is asked, token for token."""

import re
from pathlib import Path

import pytest
import trl
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from lib.chat import IGNORED, Example, check_mask, encode_example, encode_prompt, with_system
from lib.errors import UserError
from lib.records import Message

CHAT = [
    Message(role="user", content="门锁坏了 🚪"),
    Message(role="assistant", content="维修 broken"),
]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained("base")


def learnt(tokenizer: PreTrainedTokenizerBase, example: Example) -> str:
    return str(tokenizer.decode([label for label in example.labels if label != IGNORED]))


def test_only_the_answer_and_its_end_are_learnt(tokenizer: PreTrainedTokenizerBase) -> None:
    example = encode_example(tokenizer, CHAT, "Answer.")
    assert learnt(tokenizer, example) == "维修 broken<|im_end|>"


def test_a_template_without_markers_learns_the_same(tokenizer: PreTrainedTokenizerBase) -> None:
    marked = encode_example(tokenizer, CHAT, "Answer.")
    plain = AutoTokenizer.from_pretrained("base")
    template = re.sub(r"\{%-? (end)?generation -?%\}", "", str(plain.chat_template))
    plain.chat_template = template
    assert encode_example(plain, CHAT, "Answer.") == marked


@pytest.mark.parametrize("name", ["qwen3", "llama3_2", "gemma3"])
def test_stock_templates_learn_the_answer_as_it_will_be_asked(name: str) -> None:
    stock = AutoTokenizer.from_pretrained("base")
    path = Path(trl.__file__).parent / "chat_templates" / f"{name}.jinja"
    stock.chat_template = path.read_text(encoding="utf-8")
    stock.bos_token = "<|endoftext|>"  # noqa: S105
    prompt = encode_prompt(stock, CHAT[:-1], "")
    example = encode_example(stock, CHAT, "")
    assert example.input_ids[: len(prompt)] == prompt
    assert "date" not in stock.decode(prompt).casefold() or "26 Jul 2024" in stock.decode(prompt)
    assert learnt(stock, example).startswith("维修 broken")


def test_prompt_is_a_prefix_of_the_chat(tokenizer: PreTrainedTokenizerBase) -> None:
    prompt = encode_prompt(tokenizer, CHAT[:-1], "Answer.")
    assert encode_example(tokenizer, CHAT, "Answer.").input_ids[: len(prompt)] == prompt


def test_a_chat_keeps_its_own_system_prompt() -> None:
    chat = [Message(role="system", content="mine"), *CHAT]
    assert with_system(chat, "the task's") == chat


def test_a_mask_that_learns_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="no token is learnt"):
        check_mask(Example([1, 2], [IGNORED, IGNORED]), eos_token_id=2)


def test_a_mask_without_end_of_turn_is_refused() -> None:
    with pytest.raises(UserError, match="never stop"):
        check_mask(Example([1, 2], [IGNORED, 1]), eos_token_id=2)
