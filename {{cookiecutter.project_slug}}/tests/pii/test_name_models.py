"""Names are found by a spaCy package, GLiNER or any NLP engine of presidio."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import spacy

from lib.pii import name_models
from lib.pii.params import PiiParams
from lib.pii.redact import Finder, Redactor, load_ner
from lib.runtime.errors import UserError


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A spaCy model of one name, whose recognizer of names is an entity ruler."""
    model = spacy.blank("en")
    ruler: Any = model.add_pipe("entity_ruler", name="ner")
    ruler.add_patterns(
        [{"label": "PERSON", "pattern": "Anna"}, {"label": "GPE", "pattern": "Lyon"}]
    )
    folder = str(tmp_path_factory.mktemp("spacy"))
    model.to_disk(folder)
    return folder


def masked(ner: str, text: str) -> str:
    load_ner.cache_clear()
    params = PiiParams(entities=["PERSON", "LOCATION"], regions=[], score=0.35, ner=ner)
    return Redactor(Finder(params)).redact(text)


def test_a_spacy_package(package: str) -> None:
    assert masked(f"spacy:{package}", "Anna is in Lyon.") == "<PERSON_1> is in <LOCATION_1>."


def test_an_engine_of_presidio(package: str, tmp_path: Path) -> None:
    file = tmp_path / "engine.yaml"
    file.write_text(f"nlp_engine_name: spacy\nmodels:\n- lang_code: en\n  model_name: {package}\n")
    assert masked(str(file), "Anna is in Lyon.") == "<PERSON_1> is in <LOCATION_1>."


def test_gliner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import presidio_analyzer.predefined_recognizers.ner.gliner_recognizer as theirs

    class Model:
        data_processor = SimpleNamespace(transformer_tokenizer=None)

        @classmethod
        def from_pretrained(cls, *_: Any, **__: Any) -> "Model":
            return cls()

        def predict_entities(self, text: str, **_: Any) -> list[dict[str, Any]]:
            return [{"label": "person", "start": 0, "end": 4, "score": 0.9}]

    monkeypatch.setattr(theirs, "GLiNER", Model)
    (tmp_path / "model.safetensors").touch()
    assert masked(f"gliner:{tmp_path}", "Anna is in Lyon.") == "<PERSON_1> is in Lyon."


@pytest.mark.parametrize(
    ("ner", "said"),
    [
        ("spacy:xx_none", "'xx_none' is not installed"),
        ("gliner:none", "not the folder of a GLiNER model with model.safetensors"),
        ("none.yaml", "cannot be read"),
    ],
)
def test_a_model_that_is_not_there(ner: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        name_models.recognizer_of(ner)


def test_an_engine_that_names_no_model(tmp_path: Path) -> None:
    file = tmp_path / "engine.yaml"
    file.write_text("nlp_engine_name: spacy\n")
    with pytest.raises(UserError, match="needs nlp_engine_name and models"):
        name_models.recognizer_of(str(file))
