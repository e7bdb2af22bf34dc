"""Embeddings of a model that params name tell requests far from training."""

from pathlib import Path

import numpy as np
import pytest

from lib.core.params import TaskParams
from lib.monitoring import embedding
from lib.monitoring.reference import build_reference, read_reference, write_reference
from lib.runtime.errors import UserError

TASK = TaskParams(system="", output="text")
KNOWN = [f"{word} {word}" for word in ("red", "green", "blue")] * 20
AXES = {"red": 0, "green": 1, "blue": 2, "vacuum": 3}


@pytest.fixture
def words_as_axes(monkeypatch: pytest.MonkeyPatch) -> None:
    """An embedding without a model: a word is an axis."""

    def embed(texts: list[str], model: str) -> embedding.Vectors:
        counts = np.zeros((len(texts), len(AXES)), np.float32)
        for row, text in zip(counts, texts, strict=True):
            for word in text.split():
                row[AXES[word]] += 1
        return embedding.unit(counts)

    monkeypatch.setattr(embedding, "embed", embed)


def test_a_new_meaning_is_distant(words_as_axes: None) -> None:
    distant = embedding.distant_from("model", KNOWN, KNOWN, 0.99)
    assert distant.are(["red red", "vacuum vacuum"]) == [False, True]


def test_reference_keeps_the_centroids(words_as_axes: None, tmp_path: Path) -> None:
    reference = build_reference("tuned", KNOWN, KNOWN, [], TASK, set(), "model")
    write_reference(reference, tmp_path / "reference.json")
    distant = read_reference(tmp_path / "reference.json").distant
    assert distant is not None
    assert distant.are(["vacuum", "green"]) == [True, False]


def test_a_model_that_is_not_pinned_is_one_line() -> None:
    pytest.importorskip("transformers")
    with pytest.raises(UserError, match=r"monitor\.embedding is 'org/model'"):
        embedding.load_embedder("org/model")
