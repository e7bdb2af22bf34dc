"""A tokenizer that cannot write the texts as they are is told of before training."""

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from lib.core.turns import Message
from lib.model.chat import encode_example
from lib.runtime.errors import UserError
from lib.train.mask import check_answer, tell_rewritten

STOPS = {2}


def tokenizer_of(normalizer: normalizers.Normalizer | None = None) -> PreTrainedTokenizerBase:
    """The embedded base's tokenizer, which reads texts as a normalizer writes them."""
    tokenizer = AutoTokenizer.from_pretrained("base")
    if normalizer:
        tokenizer.backend_tokenizer.normalizer = normalizer
    return tokenizer


def answer_as_learnt(tokenizer: PreTrainedTokenizerBase, answer: str) -> str | None:
    """What the check of an answer returns for a chat of one question."""
    turns = [Message(role="user", content="?"), Message(role="assistant", content=answer)]
    return check_answer(encode_example(tokenizer, turns, ""), tokenizer, STOPS, turns[-1:])


@pytest.mark.parametrize(
    ("normalizer", "answer", "learnt"),
    [
        (normalizers.Lowercase(), "Refund", "refund"),
        (normalizers.NFKC(), "退款，Ａ", "退款,A"),
        (normalizers.Lowercase(), "refund", None),
        (None, " Refund 退款 🚪\n", None),
    ],
)
def test_an_answer_that_is_learnt_in_another_way_is_told_of(
    normalizer: normalizers.Normalizer, answer: str, learnt: str | None
) -> None:
    assert answer_as_learnt(tokenizer_of(normalizer), answer) == learnt


def test_an_answer_of_characters_that_the_tokenizer_lacks_is_refused() -> None:
    words = ["<|im_start|>", "[UNK]", "<|im_end|>", "refund"]
    model = models.WordLevel({word: at for at, word in enumerate(words)}, "[UNK]")
    backend = Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    names = {"eos_token": "<|im_end|>", "unk_token": "[UNK]"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, **names)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    tokenizer.chat_template = tokenizer_of().chat_template
    with pytest.raises(UserError, match="does not know some of its characters"):
        answer_as_learnt(tokenizer, "退款")


def test_the_first_of_them_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    tell_rewritten([("Refund", "refund")], 4)
    told = capsys.readouterr().out
    assert "writes 1 of 4 answers in another way" in told
    assert "'Refund' becomes 'refund'" in told
    tell_rewritten([], 4)
    assert capsys.readouterr().out == ""
