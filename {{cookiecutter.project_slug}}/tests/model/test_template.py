"""An answer begins where its prompt ends, and ends with a token that stops it, in every family."""

from pathlib import Path

import pytest
import trl
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from lib.core.records import Message
from lib.model.chat import IGNORED, encode_answer, encode_example, encode_prompt
from lib.model.loading import load_tokenizer
from lib.model.template import settled
from lib.runtime.errors import UserError

STOCK = Path(trl.__file__).parent / "chat_templates"
EYES = ("idefics", "llava", "smolvlm")  # contents that are lists of parts
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CHAT = [
    Message(role="user", content="门锁坏了 🚪"),
    Message(role="assistant", content="维修 broken"),
]


def base_with(template: object) -> PreTrainedTokenizerBase:
    """The embedded base's tokenizer with another template."""
    tokenizer = AutoTokenizer.from_pretrained("base")
    tokenizer.chat_template = template
    tokenizer.add_special_tokens({"bos_token": "<s>"})
    return tokenizer


def settle(template: object) -> PreTrainedTokenizerBase:
    tokenizer = base_with(template)
    tokenizer.chat_template = settled(tokenizer, "base")
    return tokenizer


def learnt(tokenizer: PreTrainedTokenizerBase, chat: list[Message]) -> str:
    labels = encode_example(tokenizer, chat, "").labels
    return str(tokenizer.decode([label for label in labels if label != IGNORED]))


@pytest.mark.parametrize("path", sorted(STOCK.glob("*.jinja")), ids=lambda path: path.stem)
def test_every_stock_template_asks_with_what_it_trains_on(path: Path) -> None:
    if path.stem.startswith(EYES):
        pytest.skip("takes no text alone")
    tokenizer = settle(path.read_text(encoding="utf-8"))
    prompt = encode_prompt(tokenizer, CHAT[:1], "")
    assert encode_example(tokenizer, CHAT, "").input_ids[: len(prompt)] == prompt
    assert learnt(tokenizer, CHAT).strip().startswith("维修 broken")


def test_what_opens_an_answer_belongs_to_the_prompt() -> None:
    """As in gpt-oss, where an answer stands behind a channel's name."""
    tokenizer = settle(
        CHATML.replace("{{ m.content }}", "{{ 'final: ' if m.role[0] == 'a' }}{{ m.content }}")
    )
    assert learnt(tokenizer, CHAT) == " 维修 broken<|im_end|>"
    text = tokenizer.apply_chat_template(CHAT[:1], add_generation_prompt=True, tokenize=False)
    assert text.endswith("<|im_start|>assistant\nfinal:")


def test_a_template_without_generation_prompt_gets_one() -> None:
    tokenizer = settle(CHATML.partition("{% if")[0] + "\n")
    assert learnt(tokenizer, CHAT) == "维修 broken<|im_end|>"
    assert settle(tokenizer.chat_template).chat_template == tokenizer.chat_template


@pytest.mark.parametrize("marked", ["", "_training"])
def test_a_thought_that_a_prompt_alone_opens_is_not_opened(marked: str) -> None:
    stock = STOCK / f"deepseek_r1_distill{marked}.jinja"
    tokenizer = settle(stock.read_text(encoding="utf-8"))
    text = tokenizer.apply_chat_template(CHAT[:1], add_generation_prompt=True, tokenize=False)
    assert text.endswith("<｜Assistant｜>")


def test_a_template_that_ends_no_answer_ends_it() -> None:
    """As GLM's, in which the next turn does."""
    template = CHATML.replace("<|im_end|>\n", "")
    tokenizer = settle(template)
    assert learnt(tokenizer, CHAT) == "维修 broken<|im_end|>"
    prompt = tokenizer.apply_chat_template(CHAT[:1], add_generation_prompt=True, tokenize=False)
    assert prompt == "<|im_start|>user\n门锁坏了 🚪<|im_start|>assistant\n"


def test_a_sound_template_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert settle(CHATML + "\n").chat_template == CHATML + "\n"
    assert not capsys.readouterr().out


def test_of_several_templates_the_default_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    tokenizer = settle({"default": CHATML, "tool_use": "{{ tools }}"})
    assert tokenizer.chat_template == CHATML
    assert "(default, tool_use) the one named default is used" in capsys.readouterr().out


def test_several_templates_without_a_default_are_refused() -> None:
    with pytest.raises(UserError, match=r"named chat, tool_use, and none .* base\.chat_template"):
        settled(base_with({"chat": CHATML, "tool_use": ""}), "base")


def test_a_list_of_templates_in_a_folder(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained("base")
    tokenizer.chat_template = {"default": CHATML, "rag": "{{ documents }}"}
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_bytes(Path("base/config.json").read_bytes())
    assert load_tokenizer(str(tmp_path)).chat_template == CHATML


def test_a_prompt_that_is_no_beginning_of_the_chat_is_refused() -> None:
    other = CHATML.replace(
        "assistant\n{% endif", "assistant\nThink of {{ messages|length }}.{% endif"
    )
    with pytest.raises(UserError, match=r"a prompt has .*Think of.* base\.chat_template"):
        encode_example(settle(other), CHAT, "")


def test_an_earlier_answer_that_is_shown_otherwise_is_not_learnt() -> None:
    """As Qwen3 shows a thought, be it empty, in the last answer alone."""
    stock = STOCK / "qwen3_training.jinja"
    tokenizer = settle(stock.read_text(encoding="utf-8"))
    other = [Message(role="user", content="b"), Message(role="assistant", content="later")]
    assert learnt(tokenizer, [*CHAT, *other]).replace("\n", "") in (
        "later<|im_end|>",
        "维修 broken<|im_end|>later<|im_end|>",
    )


def test_a_scored_answer_ends_with_the_token_that_ends_a_turn() -> None:
    """Which Gemma's tokenizer does not name as its end."""
    stock = (STOCK / "gemma3.jinja").read_text(encoding="utf-8")
    tokenizer = base_with(stock)
    tokenizer.add_special_tokens(
        {"additional_special_tokens": ["<start_of_turn>", "<end_of_turn>"]}
    )
    end = tokenizer.convert_tokens_to_ids("<end_of_turn>")
    ids = encode_answer(tokenizer, CHAT[:1], "维修", {end, int(tokenizer.eos_token_id)})
    assert tokenizer.decode(ids) == "维修<end_of_turn>"
