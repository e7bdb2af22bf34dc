"""Personal data: how much is found, and how fast, against plain presidio.

usage   python -m benchmarks.pii.run [SHARED_DATA [FILE...]]
        SHARED_DATA: pii, gsm8k, clinc150; or ../shared/data
        FILE: more files of presidio-research, such as data/synth_dataset_v2.json of its repository
reads   those files, the set of benchmarks/pii/texts.py, lines here and in tests/pii
writes  tables on standard output

Plain presidio is its AnalyzerEngine with the same recognizers, entities and texts; only the gate is
ours. A run stops when the spans differ. Seconds are CPU seconds of this process, the best of three.
"""

import json
import logging
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, get_args

from benchmarks.pii.texts import SEED, Text, make_set

TEMPLATE = Path(__file__).parents[2]
PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
sys.path.insert(0, str(PROJECT))
from lib.pii.params import NAME_KINDS, Entity, PiiParams  # noqa: E402
from lib.pii.plain import as_plain  # noqa: E402
from lib.pii.redact import Finder, Span, join_spans, load_recognizers  # noqa: E402

ENTITIES = [entity for entity in get_args(Entity) if entity not in NAME_KINDS]
PARAMS = PiiParams(entities=ENTITIES, regions=["US", "GB", "DE", "ES", "CN"], score=0.35)
DOCUMENTS = 3000  # of each corpus
SEEN = "measured on what we tuned on"
UNSEEN = "measured once on what we never saw, 2026-11-30"
HALVED = "synth_dataset_v2.json"  # every other sentence, from the first on, was tuned on
LINES = {  # without personal data, with announced phone numbers
    SEEN: (PROJECT / "tests/pii/hard_lines.txt", PROJECT / "tests/pii/announced_phones.txt"),
    UNSEEN: (
        TEMPLATE / "benchmarks/pii/unseen_hard.txt",
        TEMPLATE / "benchmarks/pii/unseen_phones.txt",
    ),
}


def engine(recognizers: list[Any]) -> Callable[[str], list[Any]]:
    """Presidio's engine as its documentation builds one."""
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NoOpNlpEngine
    from presidio_analyzer.recognizer_registry import RecognizerRegistry

    analyzer = AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=recognizers, supported_languages=["en"]),
        nlp_engine=NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "none"}]),
        supported_languages=["en"],
    )
    return lambda text: analyzer.analyze(text, "en", score_threshold=PARAMS.score)


def plain_presidio() -> Callable[[str], list[Any]]:
    """The engine with our recognizers: what the gate is measured against."""
    regions = tuple(PARAMS.regions)
    return engine([one for entity in ENTITIES for one in load_recognizers(entity, regions)])


def stock_presidio() -> Callable[[str], Sequence[Span]]:
    """Presidio's own recognizers of the same kinds; it has none for the Chinese ones."""
    import presidio_analyzer.predefined_recognizers as stock

    # its e-mail check asks the network for the public suffixes, then takes those it ships
    logging.getLogger("tldextract").setLevel(logging.CRITICAL)
    ask = engine(
        [
            stock.EmailRecognizer(),
            stock.PhoneRecognizer(supported_regions=PARAMS.regions),
            stock.CreditCardRecognizer(),
            stock.IbanRecognizer(),
            stock.UsSsnRecognizer(),
            stock.IpRecognizer(),
            stock.MacAddressRecognizer(),
            stock.CryptoRecognizer(),
        ]
    )
    return lambda text: tuple(join_spans(ask(text)))


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
        if spans != [tuple(join_spans(results)) for results in found]:
            raise AssertionError(f"{name}: spans differ")
        share = sum(bool(finder.possible(text)) for text in plain) / len(texts)
        length, count = sum(map(len, texts)) / len(texts), len(texts)
        print(
            f"| {name} | {count:,} | {length:.0f} | {share:.0%} | {count / theirs:,.0f} | "
            f"{count / ours:,.0f} | **{theirs / ours:.1f}** |"
        )
    print("\nDocuments a second. Spans are identical on every document.")


class Shares(NamedTuple):
    """How much of a kind is found, wholly and with exact bounds, and how much of what is found is
    right. No precision where nothing is found, or for values that a note sets apart."""

    recall: float
    exact: float
    precision: float | None

    def __str__(self) -> str:
        precision = "" if self.precision is None else f"{self.precision:.3f}"
        return f"{self.recall:.3f} | {self.exact:.3f} | {precision}"


def measure(find: Callable[[str], Sequence[Span]], texts: Sequence[Text]) -> dict[str, Shares]:
    """The shares of each kind. Recall: values wholly inside a span of their kind. Precision: spans
    of a kind that touch a value of it. A note in brackets after a kind sets some of its values
    apart."""
    values, covered, exact, spans, right = (Counter[str]() for _ in range(5))
    for text, gold in texts:
        found = find(text)
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
    return {
        kind: Shares(
            covered[kind] / values[kind],
            exact[kind] / values[kind],
            right[kind] / spans[kind] if spans[kind] else None,
        )
        for kind in sorted(values)
    }


def quality(name: str, texts: Sequence[Text]) -> None:
    """One line for each kind: ours, and presidio's own recognizers."""
    ours, stock = measure(Finder(PARAMS).find, texts), measure(stock_presidio(), texts)
    count = Counter(kind for one in texts for *_, kind in one.spans)
    print(f"\n{name}: {len(texts):,} texts\n")
    head = "| kind | values | recall | exact bounds | precision |"
    print(f"{head} presidio's own: recall | exact bounds | precision |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for kind in sorted(set(ours) & {*kinds()}):
        print(f"| {kind} | {count[kind]:,} | {ours[kind]} | {stock[kind]} |")


def kinds() -> list[str]:
    """The kinds that are looked for, phone numbers both ways."""
    return [*ENTITIES, "PHONE_NUMBER (national)"]


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


def halves(path: Path) -> dict[str, list[Text]]:
    """The sentences of a file that were tuned on, and those that were not."""
    texts = annotated(path)
    if path.name != HALVED:
        return {UNSEEN: texts}
    return {SEEN: texts[::2], UNSEEN: texts[1::2]}


def line_shares() -> None:
    """Lines without personal data in which anything is masked, announced phone numbers found."""
    ours, stock = Finder(PARAMS).find, stock_presidio()
    print("\n| lines | count | ours | presidio's own |\n| --- | ---: | ---: | ---: |")
    for seen, (hard, phones) in LINES.items():
        clean = hard.read_text("utf-8").splitlines()
        masked = [sum(bool(find(line)) for line in clean) / len(clean) for find in (ours, stock)]
        texts = [bracketed(line) for line in phones.read_text("utf-8").splitlines()]
        count = sum(len(text.spans) for text in texts)
        found = [measure(find, texts)["PHONE_NUMBER"].recall for find in (ours, stock)]
        print(f"| masked, {seen} | {len(clean)} | {masked[0]:.3f} | {masked[1]:.3f} |")
        print(f"| announced phones found, {seen} | {count} | {found[0]:.3f} | {found[1]:.3f} |")


def bracketed(line: str) -> Text:
    """A line in which [ ] stand around phone numbers; a written \\n is a line's end."""
    text, spans = "", list[Span]()
    for place, part in enumerate(re.split(r"[\[\]]", line.replace("\\n", "\n"))):
        if place % 2:
            spans.append((len(text), len(text) + len(part), "PHONE_NUMBER"))
        text += part
    return Text(text, spans)


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
    quality(f"presidio-research, generated_large.json, {SEEN}", public)
    for path in map(Path, sys.argv[2:]):
        for seen, texts in halves(path).items():
            quality(f"presidio-research, {path.name}, {seen}", texts)
    quality(f"Own set, with as many hard negatives, {SEEN}", own)
    line_shares()
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


if __name__ == "__main__":
    main()
