"""Explain why a split is empty, with a cure that was tried out."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np

from lib.core.records import Record, prompt_text
from lib.similarity.minhash import connected
from lib.similarity.params import SplitParams
from lib.similarity.shared_text import SAMPLE, quoted, shared_by
from lib.similarity.shingles import Indices
from lib.split.balance import empty_splits
from lib.split.ties import Ties

THRESHOLDS = (0.7, 0.8, 0.9, 1.0)
SEEDS = 100

MANY = 0.05  # share of rows between two splits from which a warning is printed

Fates = Callable[[SplitParams], list[str]]  # the splits of all records with these params


def why_empty(
    records: Sequence[Record],
    ties: Ties,
    texts: Iterable[Record],
    params: SplitParams,
    fates: Fates,
) -> str:
    """Say why a split is empty, and how to fill it.

    texts: the same records with their words; fates: computes the splits for other params.
    """
    if not records:
        return "data/deduped.jsonl has no rows: metrics/curate.json and metrics/dedup.json say why"
    if all(record["split"] for record in records):
        return (
            "every source fixes its split, so no row is drawn: remove `split` from a source in "
            "data.sources, or set the share of the empty one, split.val or split.test, to 0"
        )
    of_groups, most = _parts(records, {}), max(len(records) / 2, 1)
    if _largest(of_groups) > most:
        return (
            f"{_largest(of_groups):,} of {len(records):,} rows are connected by shared groups and "
            "must share a split: map another column to `group` in data.sources, or none"
        )
    of_all = _parts(records, ties)
    if _largest(of_all) > most:
        text = _shared_text(texts, of_all == np.bincount(of_all).argmax())
        return (
            f"{_largest(of_all):,} of {len(records):,} rows resemble or quote each other and "
            f'must share a split; the text they share most: "{quoted(text)}"; '
            + _filling_threshold(params, fates)
        )
    count = len(np.unique(of_all))
    found = f"the rows form only {count:,} indivisible parts, and none was drawn for this split"
    return f"{found}: add rows{_seed(params, fates)}"


def _parts(records: Sequence[Record], ties: dict[int, list[int]]) -> Indices:
    """Return the number of each record's connected component, by shared groups and ties."""
    of_group: dict[str, list[int]] = {}
    for index, record in enumerate(records):
        for group in record["groups"]:
            of_group.setdefault(group, []).append(index)
    pairs = [pair for some in of_group.values() for pair in pairwise(some)]
    pairs += [(one, other) for other, some in ties.items() for one in some]
    return connected(len(records), np.array(pairs, np.int64).reshape(-1, 2))


def _largest(of: Indices) -> int:
    return int(np.bincount(of).max())


def _shared_text(texts: Iterable[Record], chosen: Indices) -> str:
    some = [prompt_text(record) for record, one in zip(texts, chosen, strict=True) if one]
    return shared_by("", some[:SAMPLE], share=0.0, fewest=2).text or " ".join(some[0].split())


def why_between(
    fates: list[str], texts: Iterable[Record], params: SplitParams, others: Fates
) -> str:
    """Say what rows that fit no split share most, and which threshold leaves few of them."""
    between = np.array([fate == "between_splits" for fate in fates])
    found = f'the text these rows share most: "{quoted(_shared_text(texts, between))}"; '
    group = "give all rows made from one template the same group (columns: {group: ...})"
    for threshold in _higher(params):
        again = others(params.model_copy(update={"threshold": threshold}))
        if again.count("between_splits") <= MANY * len(again):
            return f"{found}`split.threshold: {threshold}` leaves few of them, or {group}"
    return f"{found}no split.threshold leaves few of them: {group}"


def _higher(params: SplitParams) -> list[float]:
    return [one for one in THRESHOLDS if one > params.threshold]


def _fills(params: SplitParams, fates: Fates) -> bool:
    return not empty_splits(Counter(fates(params)), params)


def _filling_threshold(params: SplitParams, fates: Fates) -> str:
    for threshold in _higher(params):
        if _fills(params.model_copy(update={"threshold": threshold}), fates):
            return f"`split.threshold: {threshold}` fills every split"
    return (
        "no split.threshold separates them: fix the split of a source (`split: test` in "
        "data.sources), or add other kinds of rows"
    )


def _seed(params: SplitParams, fates: Fates) -> str:
    for seed in range(SEEDS):
        if _fills(params.model_copy(update={"seed": seed}), fates):
            return f", raise split.val and split.test, or set `split.seed: {seed}`, which fills all"
    return ", or set the share of the empty one, split.val or split.test, to 0"
