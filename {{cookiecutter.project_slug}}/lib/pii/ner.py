"""Find names of people, places and organizations with a token-classification model.

Import this late and through lib.pii.redact: it needs torch and transformers (the train extra).
"""

import re
from pathlib import Path
from typing import Any

from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.chunkers import CharacterBasedTextChunker
from presidio_analyzer.predefined_recognizers import HuggingFaceNerRecognizer

from lib.pii.params import NAME_KINDS
from lib.runtime.errors import UserError

_HUB_ID = re.compile(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40})")
KIND_OF_LABEL = HuggingFaceNerRecognizer.DEFAULT_LABEL_MAPPING  # PER, PS, PERSON, ...: PERSON


class NerRecognizer(EntityRecognizer):
    """Recognizes names with a Hugging Face model through presidio.

    Unlike presidio's own: only a pinned model with safetensors is loaded, and a text on which the
    model fails stops the run, where presidio would continue as if it held no names."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.chunker = CharacterBasedTextChunker(chunk_size=200, chunk_overlap=40)
        super().__init__(supported_entities=sorted(NAME_KINDS))  # calls load

    def load(self) -> None:
        """Load the model from a folder or the hub; raise UserError if it has no name labels."""
        self.pipeline = load_pipeline(*locate(self.model))
        labels = self.pipeline.model.config.id2label.values()
        if not NAME_KINDS & {kind_of(label) for label in labels}:
            raise UserError(
                f"params.yaml: curate.pii.ner: '{self.model}' has the labels {', '.join(labels)}; "
                "name a model that finds people or places (labels such as B-PER, I-LOC)"
            )

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """Find names in a text of any length, in overlapping chunks."""
        return self.chunker.predict_with_chunking(text, self.predict)

    def predict(self, text: str) -> list[RecognizerResult]:
        """Find names in one chunk of text."""
        return [
            RecognizerResult(kind_of(one["entity_group"]), one["start"], one["end"], one["score"])
            for one in self.pipeline(text)
        ]


def kind_of(label: str) -> str:
    """Return presidio's name for a model's label: PERSON for B-PER."""
    label = re.sub(r"^[BIUL]-", "", label)
    return KIND_OF_LABEL.get(label, label)


def locate(model: str) -> tuple[str, str | None]:
    """Return a model's folder, or its hub id and the commit to load; raise UserError if neither."""
    if Path(model).is_dir():
        return model, None
    pinned = _HUB_ID.fullmatch(model)
    if not pinned:
        raise UserError(
            f"params.yaml: curate.pii.ner is '{model}'; it must be a folder of this project or a "
            "hub id with its commit, such as org/model@<40 hex digits>"
        )
    return pinned[1], pinned[2]


def load_pipeline(model: str, revision: str | None) -> Any:
    """Load a model as transformers' pipeline, on the GPU where there is one.

    Raises UserError where that fails, or transformers is not installed.
    """
    try:
        import torch
        from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline
    except ImportError as error:
        raise UserError(
            f"params.yaml: curate.pii.ner needs {error.name}; install the train extra, or set "
            "ner: null"
        ) from None
    try:
        tokenizer = AutoTokenizer.from_pretrained(model, revision=revision)
        network = AutoModelForTokenClassification.from_pretrained(
            model, revision=revision, use_safetensors=True
        )
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"params.yaml: curate.pii.ner: '{model}' cannot be loaded as a token-classification "
            f"model ({reason}); name one that has safetensors and a tokenizer"
        ) from None
    return pipeline(
        "token-classification",
        model=network,
        tokenizer=tokenizer,
        aggregation_strategy="simple",
        device=0 if torch.cuda.is_available() else -1,
    )
