"""A talk that is one text is read as its turns, and nothing else is."""

import pytest

from lib.intake.exchange import read_prompt
from lib.intake.talks import open_talk, rendered_turns, talk_turns
from lib.intake.turns import assistant, read_turns, user
from lib.intake.unread import Unread

TWO = [user("q"), assistant("a")]


@pytest.mark.parametrize(
    "text",
    [
        "Human: q\nAssistant: a",
        "\n\nHuman: q\n\nAssistant: a",
        "USER: q\n\n\nASSISTANT: a",
        "### Human: q### Assistant: a",
        "SYSTEM: s\nUser: q\nAI: a",
    ],
)
def test_marks_before_turns(text: str) -> None:
    assert [turn for turn in talk_turns(text) if turn["role"] != "system"] == TWO
    assert read_turns(text, Unread())[-2:] == TWO


@pytest.mark.parametrize(
    "text",
    [
        "Human: q",
        "Sum this up.\nHuman: q\nAssistant: a",
        "Assistant: a\nHuman: q",
        "Human: q\nHuman: r\nAssistant: a",
        "The AI: a film",
        "",
    ],
)
def test_what_is_no_talk(text: str) -> None:
    assert talk_turns(text) == []


def test_a_prompt_that_ends_with_the_mark_of_the_answer() -> None:
    belle = "Human:q\nAssistant:a\nHuman:r\nAssistant:"
    assert read_prompt(belle, Unread()) == [*TWO, user("r")]
    assert open_talk("Human: q\nAssistant: a") == []
    assert read_prompt("User: q\nBot: a\nWhat was asked?", Unread())[0]["role"] == "user"


@pytest.mark.parametrize(
    "text",
    [
        "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n",
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nq<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\na<|eot_id|>",
        "<bos><start_of_turn>user\nq<end_of_turn>\n<start_of_turn>model\na<end_of_turn>\n",
        "<|user|>\nq</s>\n<|assistant|>\na</s>\n",
        "<s>[INST] <<SYS>>s<</SYS>> q [/INST] a </s>",
        "Below is a task.\n\n### Instruction:\nq\n\n### Response:\na",
    ],
)
def test_what_a_template_wrote(text: str) -> None:
    assert read_turns(text, Unread())[-2:] == TWO


@pytest.mark.parametrize(
    "text", ["x <|im_start|>user\nq<|im_end|>", "[INST] q [/INST] a </s> more", "<|user|> q"]
)
def test_what_a_template_did_not_write_whole(text: str) -> None:
    assert [turn["role"] for turn in rendered_turns(text)] in ([], ["user"])
