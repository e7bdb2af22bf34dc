"""Find names of people, places and organizations with models that presidio runs.

These are spaCy, GLiNER, and any NLP engine of presidio (stanza, transformers, ...) that a file in
presidio's own format describes.

Import this late and through lib.pii.redact.
"""

from pathlib import Path
from typing import Any

from presidio_analyzer import EntityRecognizer, RecognizerResult

from lib.pii.params import NAME_KINDS
from lib.runtime.errors import UserError

KEY = "params.yaml: curate.pii.ner"
GLINER_ASKS = {"person": "PERSON", "location": "LOCATION", "organization": "ORGANIZATION"}


class EngineRecognizer(EntityRecognizer):
    """Recognizes names with an NLP engine of presidio."""

    def __init__(self, configuration: dict[str, Any]) -> None:
        self.configuration = configuration
        self.language = str(configuration["models"][0]["lang_code"])
        super().__init__(supported_entities=sorted(NAME_KINDS))  # calls load

    def load(self) -> None:
        """Load the engine; raise UserError where that fails."""
        from presidio_analyzer.nlp_engine import NlpEngineProvider

        name = self.configuration["nlp_engine_name"]
        try:
            self.engine = NlpEngineProvider(nlp_configuration=self.configuration).create_engine()
        except (ImportError, OSError, ValueError, KeyError, TypeError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(f"{KEY}: the engine {name} cannot be loaded ({reason})") from None

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """Find names in a text."""
        found = self.engine.process_text(text, self.language)
        return [
            RecognizerResult(span.label_, span.start_char, span.end_char, score)
            for span, score in zip(found.entities, found.scores, strict=True)
            if span.label_ in NAME_KINDS
        ]


def recognizer_of(model: str) -> EntityRecognizer | None:
    """Load the model named by `spacy:PACKAGE`, `gliner:FOLDER` or a YAML file of presidio.

    Returns None for any other model. Raises UserError where it is not installed, or does not find
    names.
    """
    kind, _, name = model.partition(":")
    if kind == "spacy":
        return EngineRecognizer(spacy_engine(name))
    if kind == "gliner":
        return load_gliner(name)
    return EngineRecognizer(read_engine(Path(model))) if model.endswith((".yaml", ".yml")) else None


def spacy_engine(package: str) -> dict[str, Any]:
    """Build presidio's configuration of an installed spaCy package.

    Presidio would download a missing one. Raises UserError
    where it is not installed, or does not recognize names.
    """
    import spacy

    if not (spacy.util.is_package(package) or Path(package, "config.cfg").is_file()):
        raise UserError(
            f"{KEY}: the spaCy package '{package}' is not installed; install a pinned version "
            "(https://spacy.io/models), or set ner: null"
        )
    meta = spacy.util.get_package_path(package) if spacy.util.is_package(package) else None
    loaded = spacy.util.load_meta(next((meta or Path(package)).rglob("meta.json")))
    if "ner" not in loaded.get("pipeline", []):
        raise UserError(
            f"{KEY}: the spaCy package '{package}' does not recognize names (it has no `ner` "
            "component)"
        )
    language = {"lang_code": str(loaded["lang"]), "model_name": package}
    return {"nlp_engine_name": "spacy", "models": [language]}


def read_engine(path: Path) -> dict[str, Any]:
    """Read a file that describes an NLP engine of presidio; raise UserError for any other file."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        value = YAML(typ="safe").load(path)
    except (OSError, YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{KEY}: {path}: cannot be read ({reason})") from None
    models = value.get("models") if isinstance(value, dict) else None
    if not models or not isinstance(value.get("nlp_engine_name"), str):
        raise UserError(
            f"{KEY}: {path}: does not describe an NLP engine of presidio; it needs "
            "nlp_engine_name and models (lang_code, model_name)"
        )
    return dict(value)


def load_gliner(folder: str) -> EntityRecognizer:
    """Load a GLiNER model through presidio; raise UserError without package or safetensors."""
    from presidio_analyzer.predefined_recognizers import GLiNERRecognizer

    if not Path(folder, "model.safetensors").is_file():
        raise UserError(
            f"{KEY}: '{folder}' is not the folder of a GLiNER model with model.safetensors"
        )
    try:
        found: EntityRecognizer = GLiNERRecognizer(
            model_name=folder, entity_mapping=GLINER_ASKS, local_files_only=True
        )
    except ImportError:
        raise UserError(f"{KEY}: needs `pip install gliner`; or set ner: null") from None
    return found
