"""Drop copies and near copies, and whatever resembles or quotes a case in evals/.

Two records of a kind (chat or preference pair) are copies when both what is asked and what is
answered are at least `threshold` similar; similar questions with other answers stay, and are
counted. Of a chain of copies the longest prompt stays, then the first in the data. Rows that
their source has published as val or test all stay.

reads   data/curated.jsonl, evals/golden.jsonl, evals/adversarial.jsonl
writes  data/deduped.jsonl, data/duplicates.jsonl, metrics/dedup.json
"""

from collections import defaultdict
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from lib.config import load
from lib.containment import contained
from lib.errors import run
from lib.evals import FILES, read_either
from lib.files import write_json
from lib.leakage import search
from lib.ledger import Ledger
from lib.minhash import components, near_pairs
from lib.params.dedup import DedupParams
from lib.records import (
    PUBLISHED,
    Record,
    answers_of,
    is_pair,
    prompt_of,
    read_records,
    row_text,
    text_of,
    write_records,
)
from lib.shingles import Pairs, Places, shingle, similarity
from lib.text import same_text_key

RECALL = 0.99  # of the pairs exactly at the threshold; more similar ones are found more surely


class Drop(NamedTuple):
    """Why a record goes, and what stays instead of it."""

    reason: str
    kept: str
    similarity: float


def eval_copies(records: list[Record], prompts: list[str], params: DedupParams) -> dict[int, Drop]:
    """Records that resemble or quote a case in evals/; published val and test rows are no
    training data."""
    drops: dict[int, Drop] = {}
    for path in FILES:
        cases = read_either(path)
        texts = [text_of(case.prompt()) for case in cases]
        near = search(prompts, texts, params.evals_threshold, params.ngram)
        for hit in [*near, *contained(list(map(row_text, records)), texts)]:
            if records[hit.one]["split"] not in PUBLISHED:
                drop = Drop(f"{path.stem}_copy", cases[hit.other].id, hit.similarity)
                drops[hit.one] = max(drops.get(hit.one, drop), drop, key=attrgetter("similarity"))
    return drops


def exact_pairs(records: list[Record]) -> Pairs:
    """(first, copy) of records that are the same but for case, spacing or the last full stop."""
    first: dict[tuple[bytes, ...], int] = {}
    pairs = []
    for place, record in enumerate(records):
        texts = [text_of(prompt_of(record)), *answers_of(record)]
        original = first.setdefault(tuple(map(same_text_key, texts)), place)
        if original != place:
            pairs.append((original, place))
    return np.array(pairs, np.int64).reshape(-1, 2)


def near_copies(
    records: list[Record], prompts: list[str], params: DedupParams
) -> tuple[Pairs, int]:
    """Pairs that are near copies, and how many more have similar prompts but other answers."""
    pairs, _ = near_pairs(
        prompts,
        params.threshold,
        params.ngram,
        params.permutations,
        params.seed,
        RECALL,
        params.processes,
    )
    kinds = np.array([is_pair(record) for record in records], dtype=bool)
    pairs = pairs[kinds[pairs[:, 0]] == kinds[pairs[:, 1]]]
    answers = shingle(["\n".join(answers_of(record)) for record in records], params.ngram)
    same = similarity(answers, pairs) >= params.threshold
    return pairs[same], int(np.count_nonzero(~same))


def keeper(group: list[int], records: list[Record], prompts: list[str]) -> int:
    """The one of a group of copies that stays: published, else the longest, else the first."""
    return min(group, key=lambda at: (records[at]["split"] not in PUBLISHED, -len(prompts[at]), at))


def groups_of(labels: Places) -> list[list[int]]:
    """Places that have the same label."""
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for place, label in enumerate(labels.tolist()):
        groups[label].append(place)
    return list(groups.values())


def copy_drops(
    records: list[Record], prompts: list[str], params: DedupParams
) -> tuple[dict[int, Drop], int]:
    """All copies but the one of each group that stays, and the count of conflicting pairs."""
    exact = exact_pairs(records)
    unique = np.setdiff1d(np.arange(len(records)), exact[:, 1])
    near, conflicting = near_copies(
        [records[at] for at in unique], [prompts[at] for at in unique], params
    )
    original = components(len(records), exact)
    labels = components(len(records), np.concatenate([exact, unique[near]]))
    pairs = [
        (kept, place)
        for group in groups_of(labels)
        for kept in [keeper(group, records, prompts)]
        for place in group
        if place != kept and records[place]["split"] not in PUBLISHED
    ]
    compared = np.array(pairs, np.int64).reshape(-1, 2)
    values = similarity(shingle(prompts, params.ngram), compared)
    drops = {}
    for (kept, place), value in zip(pairs, values, strict=True):
        reason = "exact_copy" if original[kept] == original[place] else "near_copy"
        drops[place] = Drop(reason, records[kept]["id"], float(value))
    return drops, conflicting


def find_drops(records: list[Record], params: DedupParams) -> tuple[dict[int, Drop], int]:
    """Places of the records that go, and how many pairs of similar prompts contradict each other.
    Copies of evals/ go first, so that nothing stays because it resembles one of them."""
    prompts = [text_of(prompt_of(record)) for record in records]
    drops = eval_copies(records, prompts, params)
    rest = [place for place in range(len(records)) if place not in drops]
    copies, conflicting = copy_drops(
        [records[at] for at in rest], [prompts[at] for at in rest], params
    )
    return drops | {rest[place]: drop for place, drop in copies.items()}, conflicting


def duplicate(record: Record, drop: Drop) -> dict[str, Any]:
    """A line of data/duplicates.jsonl."""
    return {
        "id": record["id"],
        "source": record["source"],
        "reason": drop.reason,
        "kept": drop.kept,
        "similarity": round(drop.similarity, 4),
        "prompt": text_of(prompt_of(record)),
    }


def main() -> None:
    """Run the stage."""
    params = load("dedup", DedupParams)
    records = list(read_records("data/curated.jsonl"))
    drops, conflicting = find_drops(records, params)
    ledger = Ledger()
    for place, record in enumerate(records):
        ledger.enter(record["source"])
        if place in drops:
            ledger.drop(record["source"], drops[place].reason)
        else:
            ledger.keep(record["source"])
    kept = (record for place, record in enumerate(records) if place not in drops)
    write_records("data/deduped.jsonl", kept)
    dropped = (duplicate(records[place], drops[place]) for place in sorted(drops))
    write_records("data/duplicates.jsonl", dropped)
    write_json("metrics/dedup.json", ledger.close() | {"conflicting_pairs": conflicting})
    print(ledger.summary("dedup"))


if __name__ == "__main__":
    run(main)
