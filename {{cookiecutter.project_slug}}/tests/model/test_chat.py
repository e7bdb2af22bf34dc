"""What is learnt and what the model is asked, token for token."""

import re

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from lib.core.records import Message
from lib.model.chat import IGNORED, Example, encode_example, encode_prompt, freeze, with_system
from lib.runtime.errors import UserError

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


def test_today_s_date_is_a_fixed_one(tokenizer: PreTrainedTokenizerBase) -> None:
    llama = "{%- if strftime_now is defined %}{%- set d = strftime_now('%d %b %Y') %}{%- endif %}"
    gpt_oss = 'Current date: {{ strftime_now("%Y-%m-%d") }}'
    rendered = tokenizer.apply_chat_template(
        CHAT, chat_template=freeze(llama + "{{ d }} " + gpt_oss), tokenize=False
    )
    assert rendered == "26 Jul 2024 Current date: 2024-07-26"


def test_a_model_that_can_think_aloud_answers_at_once(tokenizer: PreTrainedTokenizerBase) -> None:
    template = "{{ enable_thinking is defined and enable_thinking is false }}"
    frozen = freeze(template)
    assert tokenizer.apply_chat_template(CHAT, chat_template=frozen, tokenize=False) == "True"


def test_a_template_that_refuses_a_chat_says_why(tokenizer: PreTrainedTokenizerBase) -> None:
    gemma = AutoTokenizer.from_pretrained("base")
    gemma.chat_template = "{{ raise_exception('System role not supported') }}"
    with pytest.raises(UserError, match=r"System role not supported; does it take a system"):
        encode_prompt(gemma, CHAT[:-1], "Answer.")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ messages[0].content + 1 }}", r"TypeError: can only concatenate"),
        ("{{ 'a'.index('b') }}", "ValueError: substring not found"),
        ("{{ 1 / 0 }}", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_template_with_a_mistake_says_which(template: str, said: str) -> None:
    broken = AutoTokenizer.from_pretrained("base")
    broken.chat_template = template
    with pytest.raises(UserError, match=f"chat template of the base: {said}"):
        encode_prompt(broken, CHAT[:-1], "")


def test_prompt_is_a_prefix_of_the_chat(tokenizer: PreTrainedTokenizerBase) -> None:
    prompt = encode_prompt(tokenizer, CHAT[:-1], "Answer.")
    assert encode_example(tokenizer, CHAT, "Answer.").input_ids[: len(prompt)] == prompt


def test_a_chat_keeps_its_own_system_prompt() -> None:
    chat = [Message(role="system", content="mine"), *CHAT]
    assert with_system(chat, "the task's") == chat
