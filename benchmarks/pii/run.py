"""Personal data: how much is found, and how fast, against plain presidio.

usage   python -m benchmarks.pii.run [SHARED_DATA]    (pii, gsm8k, clinc150; or ../shared/data)
reads   those files, the set of benchmarks/pii/texts.py
writes  tables on standard output

Plain presidio is its AnalyzerEngine with the same recognizers, entities and texts; only the gate is
ours. A run stops when the spans differ. Seconds are CPU seconds of this process, the best of three.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, get_args

from benchmarks.pii.texts import SEED, Text, make_set

TEMPLATE = Path(__file__).parents[2]
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
sys.path.insert(0, str(PROJECT))
from lib.params.pii import NAMES, Entity, PiiParams  # noqa: E402
from lib.pii import Finder, Span, as_plain, join, load_recognizers  # noqa: E402

ENTITIES = [entity for entity in get_args(Entity) if entity not in NAMES]
PARAMS = PiiParams(entities=ENTITIES, regions=["US", "GB", "DE", "ES", "CN"], score=0.35)
DOCUMENTS = 3000  # of each corpus


def plain_presidio() -> Callable[[str], list[Any]]:
    """Presidio's engine as its documentation builds one."""
    regions = tuple(PARAMS.regions)
    parts = [one for entity in ENTITIES for one in load_recognizers(entity, regions)]
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NoOpNlpEngine
    from presidio_analyzer.recognizer_registry import RecognizerRegistry

    engine = AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=parts, supported_languages=["en"]),
        nlp_engine=NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "none"}]),
        supported_languages=["en"],
    )
    return lambda text: engine.analyze(text, "en", ENTITIES, score_threshold=PARAMS.score)


def cpu_seconds(ask: Callable[[str], Any], texts: Sequence[str]) -> tuple[float, list[Any]]:
    """Best of three, and the answers."""
    best, answers = float("inf"), []
    for _ in range(3):
        started = time.process_time()
        answers = [ask(text) for text in texts]
        best = min(best, time.process_time() - started)
    return best, answers


def speed(corpora: dict[str, list[str]]) -> None:
    """One line for each corpus; the spans must be the same."""
    finder, presidio = Finder(PARAMS), plain_presidio()
    print("\n| corpus | documents | characters each | reach presidio | presidio | ours | ratio |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, texts in corpora.items():
        ours, spans = cpu_seconds(finder._find, texts)  # without the cache of copies
        plain = [as_plain(text) for text in texts]
        theirs, found = cpu_seconds(presidio, plain)
        if spans != [tuple(join(results)) for results in found]:
            raise AssertionError(f"{name}: spans differ")
        share = sum(bool(finder.possible(text)) for text in plain) / len(texts)
        length, count = sum(map(len, texts)) / len(texts), len(texts)
        print(
            f"| {name} | {count:,} | {length:.0f} | {share:.0%} | {count / theirs:,.0f} | "
            f"{count / ours:,.0f} | **{theirs / ours:.1f}** |"
        )
    print("\nDocuments a second. Spans are identical on every document.")


def quality(name: str, texts: Sequence[Text], kinds: Sequence[str]) -> None:
    """Recall: values wholly inside a span of their kind. Precision: spans of a kind that touch a
    value of it. A note in brackets after a kind sets some of its values apart."""
    finder = Finder(PARAMS)
    values, covered, exact, spans, right = (Counter[str]() for _ in range(5))
    for text, gold in texts:
        found = finder.find(text)
        for start, end, kind in gold:
            own = [span for span in found if span[2] == plain_kind(kind)]
            values[kind] += 1
            covered[kind] += any(a <= start and end <= b for a, b, _ in own)
            exact[kind] += any((a, b) == (start, end) for a, b, _ in own)
        for a, b, kind in found:
            spans[kind] += 1
            right[kind] += any(
                a < end and start < b for start, end, one in gold if plain_kind(one) == kind
            )
    print(f"\n{name}: {len(texts):,} texts\n")
    print("| kind | values | recall | exact bounds | spans found | precision |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for kind in kinds:
        shares = f"{covered[kind] / values[kind]:.3f} | {exact[kind] / values[kind]:.3f}"
        mistakes = f"{spans[kind]:,} | {right[kind] / spans[kind]:.3f}" if spans[kind] else " | "
        print(f"| {kind} | {values[kind]:,} | {shares} | {mistakes} |")


def plain_kind(kind: str) -> str:
    """PHONE_NUMBER of `PHONE_NUMBER (national)`."""
    return kind.split(" ")[0]


def false_alarms(corpora: dict[str, list[str]]) -> None:
    """Spans in texts that hold no personal data: all of them are wrong."""
    finder = Finder(PARAMS)
    for name, texts in corpora.items():
        found = Counter(kind for text in texts for *_, kind in finder.find(text))
        print(f"{name}: {found.total()} spans in {len(texts):,} texts {dict(found)}")


def annotated(path: Path) -> list[Text]:
    """presidio-research's sentences; phone numbers that start with + or 00 are set apart."""
    texts = []
    for row in json.loads(path.read_text(encoding="utf-8")):
        text: str = row["full_text"]
        spans: list[Span] = []
        for span in row["spans"]:
            start, end, kind = span["start_position"], span["end_position"], span["entity_type"]
            if kind == "PHONE_NUMBER" and not text[start:end].startswith(("+", "00")):
                kind += " (national)"
            spans.append((start, end, kind))
        texts.append(Text(text, spans))
    return texts


def column(path: Path, *names: str) -> list[str]:
    """The texts of a JSONL file."""
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in islice(file, DOCUMENTS)]
    return ["\n".join(row[name] for name in names) for row in rows]


def main() -> None:
    shared = Path(sys.argv[1]) if len(sys.argv) > 1 else TEMPLATE.parent / "shared/data"
    packages = ("presidio-analyzer", "phonenumbers", "tldextract", "regex")
    print("python", sys.version.split()[0], *(f"{name} {version(name)}" for name in packages))
    print(f"regions {PARAMS.regions}, score {PARAMS.score}, own set: seed {SEED}")
    public, own = annotated(shared / "pii/generated_large.json"), make_set()
    maths = column(shared / "gsm8k/train.jsonl", "question", "answer")
    queries = column(shared / "clinc150/train.jsonl", "text")
    quality("presidio-research, generated_large.json", public, kinds_of(public))
    quality("Own set, with as many hard negatives", own, kinds_of(own))
    print("\nTexts without personal data:\n")
    false_alarms({"GSM8K train": maths, "CLINC150 train": queries})
    speed(
        {
            "GSM8K, question and answer (number-rich)": maths,
            "own set (every text holds a number)": [one.text for one in own],
            "presidio-research": [one.text for one in public],
            "CLINC150 queries (prose)": queries,
        }
    )


def kinds_of(texts: Sequence[Text]) -> list[str]:
    """Kinds of the values, in alphabetical order."""
    return sorted({kind for one in texts for *_, kind in one.spans})


if __name__ == "__main__":
    main()
