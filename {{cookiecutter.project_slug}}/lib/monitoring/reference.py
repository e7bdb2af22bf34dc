"""The release as a small JSON that windows of logs are held against: distributions and rates.

Requests: from train, and how many words are usually unknown from val and test. Answers: what the
released system said to the test split; their form (empty, cut off, no JSON) from every case of
eval, since rare events need many. All of it is text that curate has masked.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lib.core.params import TaskParams
from lib.monitoring.embedding import WRITTEN, Distant, distant_from
from lib.monitoring.phrases import is_injection
from lib.monitoring.signals import (
    Counts,
    Familiar,
    answer_events,
    answer_values,
    form_events,
    injection_events,
    prompt_events,
    prompt_values,
    terms,
)
from lib.runtime.errors import UserError
from lib.runtime.files import write_json

REFERENCE = Path("reports/monitor/reference.json")
VOCABULARY = 50_000  # words, the most frequent ones
USUAL = 0.99  # of the held-out prompts are familiar


class Reference(NamedTuple):
    """What is usual for the release."""

    system: str
    counts: Counts
    familiar: Familiar
    labels: set[str]
    distant: Distant | None = None  # where monitor.embedding names a model


def vocabulary_of(prompts: Iterable[str]) -> set[str]:
    """Collect the words of prompts; of very many the most frequent, ties by the alphabet."""
    counts = Counter(word for prompt in prompts for word in terms(prompt))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return set(ranked[:VOCABULARY])


def familiar_from(train: list[str], held_out: list[str]) -> Familiar:
    """Derive the vocabulary of train, and how unknown 99 % of the held-out prompts are at most."""
    familiar = Familiar(vocabulary_of(train), 1.0)
    shares = sorted(familiar.unknown(prompt) for prompt in held_out)
    at = min(int(USUAL * len(shares)), len(shares) - 1)
    return Familiar(familiar.vocabulary, round(shares[at], 4) if shares else 1.0)


def build_reference(
    system: str,
    train: list[str],
    held_out: list[str],
    answers: list[dict[str, Any]],
    task: TaskParams,
    labels: set[str],
    embedding: str | None = None,
) -> Reference:
    """Build the reference of a release from prompts and from rows of predictions/SYSTEM.jsonl."""
    familiar, counts = familiar_from(train, held_out), Counts()
    for prompt in train:
        counts.add(prompt_events(prompt), prompt_values(prompt))
    for prompt in held_out:
        counts.add({"unfamiliar_requests": familiar.is_not(prompt)}, {})
    distant = distant_from(embedding, train, held_out, USUAL) if embedding else None
    for far in distant.are(held_out) if distant else []:
        counts.add({"distant_requests": far}, {})
    for row in answers:
        form = form_events(row["output"], row.get("finish"), task)
        counts.add(form, {})
        if row["set"] == "test":
            values = answer_values(row["output"], task, labels)
            events = answer_events(row["output"], task, values)
            tried = is_injection(row["prompt"])
            counts.add(events | injection_events(tried, events | form), values)
    return Reference(system, counts, familiar, labels, distant)


def write_reference(reference: Reference, path: Path = REFERENCE) -> None:
    """Write JSON with every key sorted: the same release gives the same bytes."""
    counts = reference.counts
    rates = {name: [counts.seen[name], counts.of[name]] for name in sorted(counts.of)}
    spreads = {name: dict(sorted(counts.spreads[name].items())) for name in sorted(counts.spreads)}
    value = {
        "system": reference.system,
        "rates": rates,  # [seen, of]
        "distributions": spreads,
        "unknown_words": reference.familiar.usual,
        "labels": sorted(reference.labels),
        "embedding": _as_json(reference.distant),
        "vocabulary": " ".join(sorted(reference.familiar.vocabulary)),
    }
    write_json(path, value)


def _as_json(distant: Distant | None) -> dict[str, Any] | None:
    """Convert centroids to lists of numbers."""
    if distant is None:
        return None
    rows = [[round(float(one), WRITTEN) for one in row] for row in distant.centroids]
    return {"model": distant.model, "usual": distant.usual, "centroids": rows}


def from_json(value: dict[str, Any] | None) -> Distant | None:
    """Read what `as_json` wrote."""
    if value is None:
        return None
    return Distant(value["model"], np.array(value["centroids"], np.float32), value["usual"])


def read_reference(path: Path = REFERENCE) -> Reference:
    """Read what the stage monitor_reference wrote."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        counts = Counts()
        for name, (seen, of) in value["rates"].items():
            counts.seen[name], counts.of[name] = seen, of
        counts.spreads.update({name: Counter(one) for name, one in value["distributions"].items()})
        familiar = Familiar(set(value["vocabulary"].split(" ")), value["unknown_words"])
        distant = from_json(value["embedding"])
        return Reference(value["system"], counts, familiar, set(value["labels"]), distant)
    except FileNotFoundError:
        cure = "`dvc repro monitor_reference` writes it, `dvc pull monitor_reference` gets it"
        raise UserError(f"{path}: not found; {cure}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"{path}: is not a reference; `dvc repro monitor_reference` writes it"
        ) from None
