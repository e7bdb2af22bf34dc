"""The embedded base that ships: weights, qwen2 tokenizer, chat template with answers marked."""

import hashlib
import json
import unicodedata
from itertools import islice
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from sample.corpus import Corpus

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "{{cookiecutter.project_slug}}"
BASE = PROJECT / "base"
HASH_FILE = ROOT / "sample/tiny_base.sha256"
CHAT = [
    {"role": "system", "content": "Reply in one word."},
    {"role": "user", "content": "¿Dónde está 我的包裹?\n\nIt's late!"},
    {"role": "assistant", "content": '{"intent": "delivery"}'},
]
HARD = [
    " two  spaces\t\n\n tab",
    "it's WE'LL 12345",
    "我的{router}坏了。",
    "Grüße, ¡olé! ñ",
    "é é 🙂\u200d\r\n",
]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(BASE)


def test_weights_are_small_enough() -> None:
    assert (BASE / "model.safetensors").stat().st_size <= 8_000_000


def test_weights_are_the_recorded_ones() -> None:
    digest = hashlib.sha256((BASE / "model.safetensors").read_bytes()).hexdigest()
    assert HASH_FILE.read_text("utf-8").split()[0] == digest


def test_model_loads_with_one_token_per_row(tokenizer: PreTrainedTokenizerBase) -> None:
    model = AutoModelForCausalLM.from_pretrained(BASE, dtype="float32")
    assert model.config.vocab_size == len(tokenizer)


def test_every_tokenizer_class_reads_qwen2(tokenizer: PreTrainedTokenizerBase) -> None:
    assert type(tokenizer).__name__.startswith("Qwen2Tokenizer")


@pytest.mark.parametrize("text", HARD)
def test_any_text_survives_a_round_trip(tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == unicodedata.normalize("NFC", text)


def test_digits_are_single_tokens_as_in_qwen2(tokenizer: PreTrainedTokenizerBase) -> None:
    assert len(tokenizer.encode("2026")) == 4


def test_template_is_chatml(tokenizer: PreTrainedTokenizerBase) -> None:
    text = tokenizer.apply_chat_template(CHAT[:2], tokenize=False, add_generation_prompt=True)
    assert text == (
        f"<|im_start|>system\n{CHAT[0]['content']}<|im_end|>\n"
        f"<|im_start|>user\n{CHAT[1]['content']}<|im_end|>\n<|im_start|>assistant\n"
    )


def test_mask_covers_the_answer_and_its_end(tokenizer: PreTrainedTokenizerBase) -> None:
    out = tokenizer.apply_chat_template(CHAT, return_dict=True, return_assistant_tokens_mask=True)
    marked = [i for i, m in zip(out["input_ids"], out["assistant_masks"], strict=True) if m]
    assert tokenizer.decode(marked) == CHAT[2]["content"] + "<|im_end|>"


def test_base_has_the_project_s_template() -> None:
    ours, base = ROOT / "sample/chat_template.jinja", BASE / "chat_template.jinja"
    assert ours.read_bytes() == base.read_bytes()


def test_corpus_is_seeded() -> None:
    assert list(islice(Corpus(5), 20)) == list(islice(Corpus(5), 20))


def test_corpus_answers_in_json_hold_the_keys_asked_for() -> None:
    chats = [c for c in islice(Corpus(5), 200) if "Reply with JSON: " in c[0]["content"]]
    assert all(key in c[0]["content"] for c in chats for key in json.loads(c[-1]["content"]))
