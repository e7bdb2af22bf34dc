"""Names of people, places and organizations by models that presidio runs: spaCy, GLiNER, and any
of its NLP engines (stanza, transformers, ...), described in a file of presidio's own form.

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
    """A recognizer of the names that an NLP engine of presidio finds."""

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
    """Load the model that `spacy:PACKAGE`, `gliner:FOLDER` or a YAML file of presidio names.

    None for any other model. Raises UserError where it is not installed, or finds no names.
    """
    kind, _, name = model.partition(":")
    if kind == "spacy":
        return EngineRecognizer(spacy_engine(name))
    if kind == "gliner":
        return load_gliner(name)
    return EngineRecognizer(read_engine(Path(model))) if model.endswith((".yaml", ".yml")) else None


def spacy_engine(package: str) -> dict[str, Any]:
    """Describe an installed spaCy package to presidio, which would download one that is missing.

    Raises UserError where it is not installed, or recognizes no names.
    """
    import spacy

    if not (spacy.util.is_package(package) or Path(package, "config.cfg").is_file()):
        raise UserError(
            f"{KEY}: the spaCy package '{package}' is not installed; install a pinned one, as "
            "https://spacy.io/models says, or write ner: null"
        )
    meta = spacy.util.get_package_path(package) if spacy.util.is_package(package) else None
    loaded = spacy.util.load_meta(next((meta or Path(package)).rglob("meta.json")))
    if "ner" not in loaded.get("pipeline", []):
        raise UserError(f"{KEY}: the spaCy package '{package}' recognizes no names (no ner in it)")
    language = {"lang_code": str(loaded["lang"]), "model_name": package}
    return {"nlp_engine_name": "spacy", "models": [language]}


def read_engine(path: Path) -> dict[str, Any]:
    """Read presidio's description of an NLP engine; raise UserError where it is not one."""
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
            f"{KEY}: {path}: is no NLP engine of presidio; it needs nlp_engine_name and models "
            "(lang_code, model_name)"
        )
    return dict(value)


def load_gliner(folder: str) -> EntityRecognizer:
    """Load a GLiNER model through presidio; raise UserError without its package or safetensors."""
    from presidio_analyzer.predefined_recognizers import GLiNERRecognizer

    if not Path(folder, "model.safetensors").is_file():
        raise UserError(f"{KEY}: '{folder}' is no folder of a GLiNER model with model.safetensors")
    try:
        found: EntityRecognizer = GLiNERRecognizer(
            model_name=folder, entity_mapping=GLINER_ASKS, local_files_only=True
        )
    except ImportError:
        raise UserError(f"{KEY}: needs `pip install gliner`; or write ner: null") from None
    return found
