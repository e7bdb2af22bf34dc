"""The loss covers the answer and its end, whatever the family of the base."""

from pathlib import Path
from typing import NamedTuple

import pytest
import trl
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from lib.core.records import Message
from lib.model.chat import IGNORED, Example, encode_example, encode_prompt, freeze
from lib.runtime.errors import UserError
from lib.train import mask
from lib.train.mask import LEARNT, pieces, write_learnt
from tests.toy import rows

BASE = Path("base").absolute()
STOCK = Path(trl.__file__).parent / "chat_templates"
# Mistral's own (7B-Instruct-v0.3), without tools: trl has none.
MISTRAL = """{{ bos_token }}{% for message in messages %}{% if message.role == 'user' %}
{{- '[INST] ' + message.content + '[/INST]' }}{% else %}
{{- ' ' + message.content + eos_token }}{% endif %}{% endfor %}"""
CHAT = [
    Message(role="user", content="门锁坏了 🚪"),
    Message(role="assistant", content="维修 broken"),
]


class Family(NamedTuple):
    """Special tokens of a model family; `stop` ends a turn, `eos` a text."""

    bos: str | None
    eos: str
    stop: str


FAMILIES = {
    "qwen3": Family(None, "<|im_end|>", "<|im_end|>"),
    "llama3": Family("<|begin_of_text|>", "<|eot_id|>", "<|eot_id|>"),
    "llama3_2": Family("<|begin_of_text|>", "<|eot_id|>", "<|eot_id|>"),
    "gemma": Family("<bos>", "<eos>", "<end_of_turn>"),
    "gemma3": Family("<bos>", "<eos>", "<end_of_turn>"),
    "phi3": Family(None, "<|endoftext|>", "<|end|>"),
    "gptoss": Family(None, "<|return|>", "<|return|>"),
    "mistral": Family("<s>", "</s>", "</s>"),
}
TRAINING = ("qwen3", "llama3", "gemma", "gemma3", "phi3")  # trl's copies with generation markers


def tokenizer_of(name: str, template: str) -> tuple[PreTrainedTokenizerBase, set[int]]:
    """A tokenizer with the special tokens and template of a family, and the ids that end a turn."""
    family, tokenizer = FAMILIES[name], AutoTokenizer.from_pretrained("base")
    special = [token for token in set(family) if token]
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    tokenizer.bos_token, tokenizer.eos_token = family.bos, family.eos
    tokenizer.chat_template = freeze(template)
    return tokenizer, {tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(family.stop)}


def check_mask(example: Example, tokenizer: PreTrainedTokenizerBase, stops: set[int]) -> None:
    mask.check_mask(example, tokenizer, stops, str(CHAT[0]["content"]))


def stock_template(name: str) -> str:
    return MISTRAL if name == "mistral" else (STOCK / f"{name}.jinja").read_text(encoding="utf-8")


def learnt(tokenizer: PreTrainedTokenizerBase, example: Example) -> str:
    return str(tokenizer.decode([label for label in example.labels if label != IGNORED]))


@pytest.mark.parametrize("name", FAMILIES)
def test_stock_templates_learn_the_answer_and_its_end(name: str) -> None:
    tokenizer, stops = tokenizer_of(name, stock_template(name))
    example = encode_example(tokenizer, CHAT, "")
    check_mask(example, tokenizer, stops)
    assert "维修 broken" + FAMILIES[name].stop in learnt(tokenizer, example)
    assert "门锁" not in learnt(tokenizer, example)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_prompt_of_stock_templates_is_a_prefix(name: str) -> None:
    tokenizer, _ = tokenizer_of(name, stock_template(name))
    prompt = encode_prompt(tokenizer, CHAT[:-1], "")
    assert encode_example(tokenizer, CHAT, "").input_ids[: len(prompt)] == prompt


@pytest.mark.parametrize("name", TRAINING)
def test_templates_with_markers_learn_the_answer_and_its_end(name: str) -> None:
    tokenizer, stops = tokenizer_of(name, stock_template(f"{name}_training"))
    example = encode_example(tokenizer, CHAT, "")
    check_mask(example, tokenizer, stops)
    assert "维修 broken" + FAMILIES[name].stop in learnt(tokenizer, example)
    assert "门锁" not in learnt(tokenizer, example)


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family.bos])
def test_a_chat_opens_once(name: str) -> None:
    tokenizer, _ = tokenizer_of(name, stock_template(name))
    assert encode_example(tokenizer, CHAT, "").input_ids.count(tokenizer.bos_token_id) == 1


@pytest.mark.parametrize("twice", ["{{ bos_token }}", "{{ bos_token }}\n", "{{ bos_token }}### "])
def test_a_chat_that_opens_twice_is_refused(twice: str) -> None:
    tokenizer, stops = tokenizer_of("mistral", twice + MISTRAL)
    with pytest.raises(UserError, match="<s> is twice at the start of a chat"):
        check_mask(encode_example(tokenizer, CHAT, ""), tokenizer, stops)


def test_a_token_that_opens_every_turn_opens_a_chat_once() -> None:
    """As SmolLM2's does."""
    tokenizer = AutoTokenizer.from_pretrained("base")
    tokenizer.add_special_tokens({"bos_token": "<|im_start|>"})
    example = encode_example(tokenizer, CHAT, "")
    assert example.input_ids.count(tokenizer.bos_token_id) > 1
    check_mask(example, tokenizer, {tokenizer.eos_token_id})


@pytest.mark.parametrize(
    "template",
    [
        "{{ bos_token }}system\nBe kind.{{ eos_token }}" + MISTRAL,
        "{% for m in messages %}{{ bos_token + m.content + '\n' }}{% endfor %}{{ eos_token }}",
    ],
)
def test_a_turn_of_the_template_s_own_opens_no_chat_twice(template: str) -> None:
    tokenizer, _ = tokenizer_of("mistral", template)
    ids = encode_prompt(tokenizer, CHAT, "")
    mask.check_opening(ids, tokenizer, {tokenizer.eos_token_id}, str(CHAT[0]["content"]))


def test_a_chat_that_does_not_open_as_texts_do_is_refused() -> None:
    from tokenizers.processors import TemplateProcessing

    tokenizer, stops = tokenizer_of("mistral", MISTRAL.replace("{{ bos_token }}", ""))
    opening = ("<s>", tokenizer.bos_token_id)
    check_mask(encode_example(tokenizer, CHAT, ""), tokenizer, stops)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing("<s> $A", None, [opening])
    with pytest.raises(UserError, match="does not begin a chat with <s>"):
        check_mask(encode_example(tokenizer, CHAT, ""), tokenizer, stops)


def test_a_mask_that_learns_nothing_is_refused() -> None:
    tokenizer, stops = tokenizer_of("mistral", MISTRAL)
    with pytest.raises(UserError, match="no token is learnt"):
        check_mask(Example([1, 2], [IGNORED, IGNORED]), tokenizer, stops)


def test_a_mask_that_learns_everything_is_refused() -> None:
    tokenizer, stops = tokenizer_of("mistral", MISTRAL)
    with pytest.raises(UserError, match="every token is learnt"):
        check_mask(Example([1, 2], [1, 2]), tokenizer, stops)


def test_a_mask_without_end_of_turn_is_refused() -> None:
    tokenizer, stops = tokenizer_of("mistral", MISTRAL)
    with pytest.raises(UserError, match="never stop"):
        check_mask(Example([1, 2], [IGNORED, 1]), tokenizer, stops)


def test_pieces_of_tokens_make_up_the_text() -> None:
    tokenizer = AutoTokenizer.from_pretrained("base")
    text = "门锁坏了 🚪 naïve 👩\u200d🔧\n"
    assert "".join(pieces(tokenizer, tokenizer.encode(text))) == text


def test_what_is_learnt_is_written_token_by_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    example = encode_example(tokenizer, CHAT, "")
    write_learnt(tokenizer, {"sft": ([example] * 9, 2)})
    facts, *texts = rows(LEARNT)
    assert (facts["phase"], facts["texts"], facts["tokens"]) == ("sft", 9, 9 * len(texts[0]["ids"]))
    assert len(texts) == 2
    assert "".join(texts[0]["texts"]) == tokenizer.decode(example.input_ids)
    assert texts[0]["learnt"] == [label != IGNORED for label in example.labels]
    assert texts[0]["special"][-2:] == [True, False]  # the end of the turn, a line break


@pytest.mark.parametrize(
    ("labels", "answers", "fails"),
    [
        ("维修 broken", ["维修 broken"], False),
        (" 维修 broken\n", ["维修 broken"], False),
        ("no", ["yes", "no"], False),
        ("final维修 broken", ["维修 broken"], True),
        ("broken", ["维修 broken"], True),
        ("维修 broken and more", ["维修 broken"], True),
    ],
)
def test_what_is_learnt_is_the_answer_and_nothing_besides(
    labels: str, answers: list[str], fails: bool
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    end = int(tokenizer.eos_token_id)
    ids = [5, *tokenizer.encode(labels, add_special_tokens=False), end, 7]
    example = Example(ids, [IGNORED, *ids[1:-1], IGNORED])
    turns = [Message(role="assistant", content=answer) for answer in answers]
    if fails:
        with pytest.raises(UserError, match="the answer is '维修 broken'"):
            mask.check_answer(example, tokenizer, {end}, turns)
    else:
        mask.check_answer(example, tokenizer, {end}, turns)
