"""The vocabulary of a GGUF cuts a text into the tokens that the model was trained on."""

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from lib.bases.tokenizer import build
from lib.engines.hard_texts import HARD_TEXTS
from lib.runtime.errors import UserError

OWN = json.loads(Path("base/tokenizer.json").read_text(encoding="utf-8"))


def fields(more: dict[str, Any], cut: str = "qwen2") -> dict[str, Any]:
    """The metadata of a GGUF that has the embedded base's vocabulary."""
    added = {one["content"]: one["id"] for one in OWN["added_tokens"]}
    vocabulary = OWN["model"]["vocab"] | added
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in OWN["model"]["merges"]]
    return {
        "general.architecture": "llama",
        "llama.context_length": 512,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": cut,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [3 if token in added else 1 for token in tokens],
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.eos_token_id": vocabulary["<|im_end|>"],
    } | more


def ids(tokenizer: Any, text: str) -> list[int]:
    """Token ids of a text alone."""
    return list(tokenizer.encode(text, add_special_tokens=False))


def test_qwens_cut_gives_the_tokens_of_the_original() -> None:
    original, built = Tokenizer.from_file("base/tokenizer.json"), build(fields({}))
    for text in [*HARD_TEXTS, "e\u0301 <|im_end|> 12  34"]:
        assert ids(built, text) == original.encode(text, add_special_tokens=False).ids
        assert built.decode(ids(built, text)) == original.decode(ids(built, text), False)


def test_each_digit_stands_alone_for_smollm() -> None:
    """So spaces before a number are one token; GPT-2's cut, transformers' own, leaves one to it."""
    pieces = build(fields({}, "smollm")).backend_tokenizer.pre_tokenizer.pre_tokenize_str("a  12")
    assert [piece for piece, _ in pieces] == ["a", "ĠĠ", "1", "2"]
    pieces = build(fields({}, "gpt-2")).backend_tokenizer.pre_tokenizer.pre_tokenize_str("a  12")
    assert [piece for piece, _ in pieces] == ["a", "Ġ", "Ġ12"]


def test_special_tokens_are_those_that_the_file_names() -> None:
    tokenizer = build(fields({}))
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|im_end|>")
    assert tokenizer.bos_token is None
    begun = build(fields({"tokenizer.ggml.bos_token_id": 0, "tokenizer.ggml.add_bos_token": True}))
    assert begun.encode("a")[0] == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"tokenizer.ggml.pre": "tekken"},
        {"tokenizer.ggml.pre": None},
        {"tokenizer.ggml.model": "llama"},
    ],
)
def test_a_cut_that_is_not_known_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="use the model's own folder or hub id"):
        build(fields(changed))


def test_a_vocabulary_without_an_end_is_refused() -> None:
    with pytest.raises(UserError, match="answers would not end"):
        build(fields({"tokenizer.ggml.eos_token_id": None}))
