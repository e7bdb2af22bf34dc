"""Split records into train, val and test so that no group, copy or near copy crosses; prove it.

A group falls where the hash of its name says, so its split depends on nothing else. Shares hold
by scenario too, up to chance: exact shares would need counting, and then a row added moves others.

reads   data/deduped.jsonl, evals/
writes  data/split/{train,val,test}.jsonl, reports/leakage.json, metrics/split.json
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from lib.balance import check_coverage, check_weights, over_cap, weighted
from lib.config import load
from lib.errors import UserError, run
from lib.files import atomic_folder, write_json
from lib.groups import components
from lib.ledger import Ledger
from lib.params.dedup import DedupParams
from lib.params.split import SplitParams
from lib.params.task import TaskParams
from lib.records import (
    Record,
    is_pair,
    prompt_text,
    prompt_texts,
    read_records,
    row_text,
    write_records,
)
from lib.similarity.containment import SHARE, contained
from lib.similarity.files import search_files
from lib.similarity.heldout import check_thresholds, find_leaks, held_out, leak_error
from lib.similarity.minhash import near_pairs
from lib.similarity.shingles import Pairs
from lib.similarity.workers import workers

FOLDER = Path("data/split")
NAMES = ("train", "val", "test")
PERMUTATIONS, RECALL = 128, 0.9999  # a pair that is missed here would fail the proof


def position(group: str, seed: int) -> float:
    """Where a group falls in [0, 1): a hash of its name, so that adding rows moves no other."""
    digest = blake2b(f"{seed}:{group}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def drawn(group: str, params: SplitParams) -> str:
    """The split that a group's position gives."""
    place = position(group, params.seed)
    if place < params.test:
        return "test"
    return "val" if place < params.test + params.val else "train"


def find_ties(records: Sequence[Record], params: SplitParams) -> dict[int, list[int]]:
    """For each record the earlier ones that it is a near copy of, contains or is contained in."""
    prompts = [prompt_text(record) for record in records]
    hits = contained([row_text(record) for record in records], prompts, itself=False)
    parts = np.array([hit[:2] for hit in hits], np.int64).reshape(-1, 2)
    ties: defaultdict[int, list[int]] = defaultdict(list)
    for low, high in np.sort(np.concatenate([near(records, params), parts]), axis=1).tolist():
        ties[high].append(low)
    return ties


def near(records: Sequence[Record], params: SplitParams) -> Pairs:
    """Records of which one answers, at any turn, what resembles the prompt of the other."""
    asked = [prompt_texts(record) for record in records]
    count = np.fromiter(map(len, asked), np.int64, len(asked))
    owner, last = np.repeat(np.arange(len(asked)), count), np.cumsum(count) - 1
    pairs, _ = near_pairs(
        *(chain.from_iterable(asked), params.threshold, params.ngram),
        *(PERMUTATIONS, params.seed, RECALL),
    )
    final = np.isin(pairs, last).any(axis=1)  # who only begin alike are nothing to each other
    pairs = owner[pairs[final]]
    return pairs[pairs[:, 0] != pairs[:, 1]]


def assign(records: list[Record], ties: dict[int, list[int]], params: SplitParams) -> list[str]:
    """The fate of each record: its source's split; else that of the earlier rows it is tied to
    by likeness or a group; else the one drawn by its first group.

    A row tied to rows of two splits would draw them together and is dropped, `between_splits`:
    whatever comes later moves no row before it.
    """
    fates: list[str] = []
    of_group: dict[str, str] = {}
    for place, record in enumerate(records):
        tied = {fates[earlier] for earlier in ties.get(place, ())} & set(NAMES)
        tied |= {of_group[group] for group in record["groups"] if group in of_group}
        if record["split"]:
            fate = record["split"]
        elif len(tied) > 1:
            fate = "between_splits"
        else:
            fate = tied.pop() if tied else drawn(record["groups"][0], params)
        fates.append(fate)
        if fate in NAMES:
            of_group |= {group: fate for group in record["groups"] if group not in of_group}
    return fates


def by_split(records: list[Record], fates: list[str]) -> dict[str, list[Record]]:
    """The records of each split."""
    return {
        name: [record for record, fate in zip(records, fates, strict=True) if fate == name]
        for name in NAMES
    }


def drop_leaked(records: list[Record], fates: list[str], params: SplitParams) -> Counter[str]:
    """Turn the fate of train rows that leak something held out; return how many by kind."""
    splits = by_split(records, fates)
    leaks = find_leaks(splits["train"], held_out(splits, params.benchmarks), params)
    kinds = {leak.train: leak.kind for leak in reversed(leaks)}
    for place, record in enumerate(records):
        if fates[place] == "train" and record["id"] in kinds:
            fates[place] = "leaked"
    return Counter(kinds.values())


def drop_over_cap(records: list[Record], fates: list[str], params: SplitParams) -> None:
    """Turn the fate of train rows above the cap of their scenario."""
    train = [place for place, fate in enumerate(fates) if fate == "train"]
    for at in over_cap([records[place] for place in train], params.balance.cap, params.seed):
        fates[train[at]] = "capped"


def prove(folder: Path, params: SplitParams) -> dict[str, Any]:
    """Search the files as written; raise when anything leaks, else say what was compared."""
    with workers(load("dedup", DedupParams), "proof") as each:
        searched = search_files(folder, params, each)
    if searched.leaks:
        raise leak_error(searched.leaks)
    compared = {
        f"{FOLDER}/{name}.jsonl" if name in NAMES else name: {"sha256": hashed, "rows": rows}
        for (name, hashed), rows in zip(
            searched.hashes.items(), searched.rows.values(), strict=True
        )
    }
    return {
        "threshold": params.threshold,
        "ngram": params.ngram,
        "contained": SHARE,
        "leaks": 0,
        "compared": compared,
    }


def check_sizes(splits: dict[str, list[Record]], params: SplitParams) -> None:
    """A split that should have rows and has none is a mistake."""
    shares = {"train": 1.0, "val": params.val, "test": params.test}
    for name, share in shares.items():
        if share and not splits[name]:
            sizes = ", ".join(f"{key} {len(rows)}" for key, rows in splits.items())
            raise UserError(
                f"params.yaml: split: {name} is empty ({sizes}); add rows, or change "
                "split.val, split.test or the sources' split"
            )


def counts(records: list[Record]) -> dict[str, Any]:
    """What a split holds."""
    return {
        "rows": len(records),
        "pairs": sum(is_pair(record) for record in records),
        "scenarios": dict(sorted(Counter(record["scenario"] for record in records).items())),
        "languages": dict(sorted(Counter(record["language"] for record in records).items())),
        "licences": dict(sorted(Counter(record["licence"] for record in records).items())),
        "tags": dict(sorted(Counter(tag for record in records for tag in record["tags"]).items())),
    }


def account(records: list[Record], fates: list[str]) -> Ledger:
    """The ledger of the stage."""
    ledger = Ledger()
    for record, fate in zip(records, fates, strict=True):
        ledger.enter(record["source"])
        if fate in NAMES:
            ledger.keep(record["source"])
        else:
            ledger.drop(record["source"], fate)
    return ledger


def main() -> None:
    """Run the stage."""
    params, task = load("split", SplitParams), load("task", TaskParams)
    check_thresholds(load("dedup", DedupParams), params)
    records = list(read_records("data/deduped.jsonl"))
    check_weights(records, params.balance)
    fates = assign(records, find_ties(records, params), params)
    removed = Counter[str]()
    if params.on_leak == "drop_train":
        removed = drop_leaked(records, fates, params)
    drop_over_cap(records, fates, params)
    splits = by_split(records, fates)
    check_sizes(splits, params)
    scenarios = {*task.fields.get(task.scenario, ()), *task.labels}
    check_coverage(splits, scenarios, params.coverage)

    train = len(splits["train"])
    splits["train"] = weighted(splits["train"], params.balance.weights)
    with atomic_folder(FOLDER) as folder:
        for name in NAMES:
            write_records(folder / f"{name}.jsonl", splits[name])
        report = prove(folder, params)
    write_json("reports/leakage.json", report | {"removed": dict(sorted(removed.items()))})

    ledger = account(records, fates)
    groups = components([record["groups"] for rows in splits.values() for record in rows])
    metrics = ledger.close() | {"groups": len(set(groups)), "repeats": len(splits["train"]) - train}
    write_json("metrics/split.json", metrics | {name: counts(splits[name]) for name in NAMES})
    print(ledger.summary("split"))
    print("split: " + ", ".join(f"{name} {len(splits[name]):,}" for name in NAMES))


if __name__ == "__main__":
    run(main)
