"""Toxic answers are found by rules, a model here, or a guard model behind a server."""

from pathlib import Path

import pytest

from lib.core.records import Message
from lib.engines.answer import Answer
from lib.engines.openai_client import Endpoint
from lib.evaluate import safety
from lib.evaluate.params import SafetyParams
from lib.evaluate.safety import flag
from lib.runtime.errors import UserError

GUARD = SafetyParams(classifier="endpoint", url="http://127.0.0.1/v1", model="guard")


@pytest.mark.parametrize(
    ("answer", "toxic"),
    [("You IDIOT!", True), ("你这个白痴", True), ("Halt die Klappe", True), ("idiotic 😀", False)],
)
def test_the_rules_find_crude_words_in_any_case(answer: str, toxic: bool) -> None:
    assert flag([("?", answer)], SafetyParams()) == [toxic]


def test_a_guard_is_shown_question_and_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def guard(endpoint: Endpoint, chat: list[Message], most: int) -> Answer:
        assert (endpoint.section, endpoint.model) == ("eval.safety", "guard")
        assert [turn["role"] for turn in chat] == ["user", "assistant"]
        said = "\nunsafe\nS1" if chat[1]["content"] == "bad" else "safe"
        return Answer(said, 1, 1, "stop")

    monkeypatch.setattr(safety, "answer_chat", guard)
    assert flag([("?", "good"), ("?", "bad"), ("?", "")], GUARD) == [False, True, False]


def test_a_guards_verdict_is_not_paid_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety, "answer_chat", lambda *_: Answer("unsafe", 1, 1, "stop"))
    assert flag([("?", "bad")], GUARD) == [True]
    monkeypatch.setattr(safety, "answer_chat", None)
    assert flag([("?", "bad")], GUARD) == [True]


@pytest.fixture(autouse=True)
def kept_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))


@pytest.mark.parametrize(
    ("said", "toxic"),
    [("Unsafe\nS1", True), ("unsafe.", True), (" UNSAFE ", True), ("Safe.", False)],
)
def test_a_guards_verdict_has_any_case(
    said: str, toxic: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safety, "answer_chat", lambda *_: Answer(said, 1, 1, "stop"))
    assert flag([("?", "x")], GUARD) == [toxic]


@pytest.mark.parametrize("said", ["<think>", "", "This answer is unsafe"])
def test_a_verdict_that_is_none_is_not_safe(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety, "answer_chat", lambda *_: Answer(said, 1, 1, "stop"))
    with pytest.raises(UserError, match=r"guard calls an answer .*eval\.safety\.safe \(safe\)"):
        flag([("?", "x")], GUARD)


@pytest.fixture
def classifier(tmp_path: Path) -> str:
    """A model that calls every answer toxic: its bias says so."""
    torch = pytest.importorskip("torch")
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        PreTrainedTokenizerFast,
    )

    words = Tokenizer(models.WordLevel({"?": 0, "[PAD]": 1}, unk_token="?"))  # noqa: S106
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]").save_pretrained(tmp_path)  # noqa: S106
    sizes = {"hidden_size": 8, "num_attention_heads": 1, "num_hidden_layers": 1}
    labels = {"id2label": {0: "fine", 1: "toxic"}, "label2id": {"fine": 0, "toxic": 1}}
    config = BertConfig(
        vocab_size=2, intermediate_size=8, max_position_embeddings=4, **sizes, **labels
    )
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([0.0, 1.0]))
    model.save_pretrained(tmp_path)
    return str(tmp_path)


def local(model: str, *unsafe: str) -> SafetyParams:
    return SafetyParams(classifier="local", model=model, unsafe=list(unsafe))


def test_a_local_model_flags_by_its_labels(classifier: str) -> None:
    assert flag([("?", "a b"), ("?", "c")], local(classifier, "toxic")) == [True, True]
    assert flag([("?", "a b")], local(classifier, "fine")) == [False]
    with pytest.raises(UserError, match=r"names 'rude'.*fine, toxic"):
        flag([("?", "a")], local(classifier, "rude"))
    with pytest.raises(UserError, match="reads 4 tokens; an answer has 5"):
        flag([("?", "a b c d e")], local(classifier, "toxic"))


def test_a_classifier_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match=r"eval\.safety\.model: \./no/such does not load"):
        flag([("?", "a")], local("./no/such", "toxic"))
