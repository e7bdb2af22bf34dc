"""Build and read the reference of a release: distributions and rates to compare windows with.

Distributions of requests come from train, the usual share of unknown words from val and test, and
answers from the released system on the test split; the rates of malformed answers (empty,
truncated, not JSON) are from all cases of eval, since rare events need many. All texts were masked
by curate.
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
USUAL = 0.99  # share of held-out prompts that count as familiar


class Reference(NamedTuple):
    """The distributions and rates of a release."""

    system: str
    counts: Counts
    familiar: Familiar
    labels: set[str]
    distant: Distant | None = None  # if monitor.embedding names a model


def vocabulary_of(prompts: Iterable[str]) -> set[str]:
    """Return the words of prompts, at most the most frequent ones, ties alphabetically."""
    counts = Counter(word for prompt in prompts for word in terms(prompt))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return set(ranked[:VOCABULARY])


def familiar_from(train: list[str], held_out: list[str]) -> Familiar:
    """Return the vocabulary of train, with the 99 % quantile of unknown words held out."""
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
    """Write the reference as JSON with sorted keys, so that equal releases give equal bytes."""
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
    """Convert the JSON form of centroids back."""
    if value is None:
        return None
    return Distant(value["model"], np.array(value["centroids"], np.float32), value["usual"])


def read_reference(path: Path = REFERENCE) -> Reference:
    """Read reports/monitor/reference.json; raise UserError if it is missing or damaged."""
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
        cure = "`dvc repro monitor_reference` writes it, `dvc pull monitor_reference` fetches it"
        raise UserError(f"{path}: not found; {cure}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"{path}: is not a reference; `dvc repro monitor_reference` writes it"
        ) from None
