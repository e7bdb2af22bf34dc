"""Names are found by the model that curate.pii.ner names, and by nothing else."""

from pathlib import Path

import pytest

from lib.pii.params import PiiParams
from lib.pii.redact import Finder, Redactor, load_recognizers
from lib.runtime.errors import UserError

load_recognizers("CRYPTO", ())  # presidio takes long to start when torch is there before it
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from lib.pii.ner import NerRecognizer, kind_of, locate  # noqa: E402

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "B-ORG"]
WORDS = {"ann": 1, "lee": 2, "berlin": 3, "acme": 4}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a model of one layer that has learnt four words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    vocabulary = {word: place for place, word in enumerate(["[PAD]", "[UNK]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))  # noqa: S106
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=1,
        intermediate_size=16, id2label=dict(enumerate(LABELS)), hidden_dropout_prob=0.0,
        label2id={label: place for place, label in enumerate(LABELS)},
    )  # fmt: skip
    network = transformers.BertForTokenClassification(config)
    torch.nn.init.zeros_(network.bert.embeddings.position_embeddings.weight)
    inputs = torch.tensor([[1], [2], [3], [4], [5]])
    wanted = torch.tensor([[0], *([label] for label in WORDS.values())])
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        network(input_ids=inputs, labels=wanted).loss.backward()
        optimizer.step()
    folder = str(tmp_path_factory.mktemp("ner"))
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",  # noqa: S106
        unk_token="[UNK]",  # noqa: S106
    )
    fast.save_pretrained(folder)
    network.save_pretrained(folder)
    return folder


def params(model: str, *entities: str) -> PiiParams:
    """With these kinds and an NER model."""
    return PiiParams.model_validate(
        {"entities": list(entities), "regions": [], "score": 0.35, "ner": model}
    )


def test_names_are_masked_though_no_gate_lets_the_text_through(model: str) -> None:
    redactor = Redactor(Finder(params(model, "PERSON", "LOCATION", "EMAIL_ADDRESS")))
    assert redactor.redact("Ann, of Berlin") == "<PERSON_1>, of <LOCATION_1>"
    assert redactor.redact("x@example.com, ann") == "<EMAIL_ADDRESS_1>, <PERSON_1>"


def test_kinds_that_are_not_asked_for_stay(model: str) -> None:
    redactor = Redactor(Finder(params(model, "PERSON")))
    assert redactor.redact("Berlin acme ann") == "Berlin acme <PERSON_1>"


def test_names_are_found_anywhere_in_a_long_text(model: str) -> None:
    redactor = Redactor(Finder(params(model, "PERSON")))
    assert redactor.redact("so " * 300 + "ann" + " so" * 300).count("<PERSON_1>") == 1


def test_a_failing_model_stops_the_run(model: str) -> None:
    recognizer = NerRecognizer(model)
    recognizer.pipeline = None
    with pytest.raises(TypeError):
        recognizer.analyze("ann", ["PERSON"])


def test_labels_by_presidio_s_names() -> None:
    assert [kind_of(label) for label in ("B-PER", "I-LOC", "PS", "O")] == [
        "PERSON",
        "LOCATION",
        "PERSON",
        "O",
    ]


@pytest.mark.parametrize("name", ["org/model", "org/model@main", "no/such/folder"])
def test_hub_ids_are_pinned(name: str) -> None:
    with pytest.raises(UserError, match="must be a folder of this project or a hub id with its"):
        locate(name)


def test_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be loaded as a token-classification model"):
        NerRecognizer(str(tmp_path))
