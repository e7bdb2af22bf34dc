"""Split records into train, val and test; keep groups and near copies together; check leakage.

The split of a group is drawn by the hash of its name and depends on nothing else. The shares also
hold within each scenario, up to chance: exact shares would need counting, and then an added row
would move others. The leakage check runs on the written files; rows that it still finds similar are
tied and assigned again, until it finds nothing.

Rows added at the end do not move others, with one exception: if curate or dedup drops an older row
because a new one contradicts it, the rows tied to the older one are drawn again.

reads   data/deduped.jsonl, data/shared_text.jsonl, evals/
writes  data/split/{train,val,test}.jsonl, reports/leakage.json, metrics/split.json
"""

from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lib.cases.groups import components, recurring
from lib.core.config import load
from lib.core.params import TaskParams
from lib.core.records import Record, RecordFile, is_pair, read_lines, read_records
from lib.evaluate.right_answers import check_answers
from lib.intake.ledger import Ledger
from lib.runtime.errors import run
from lib.runtime.files import atomic_folder, atomic_text, write_json
from lib.similarity.containment import SHARE
from lib.similarity.own_words import Shared
from lib.similarity.params import DedupParams, SplitParams, check_thresholds
from lib.similarity.shared_text import all_passages, read_shared
from lib.similarity.shingles import Indices
from lib.similarity.workers import Each, workers
from lib.split.advice import MANY, Fates, why_between, why_empty
from lib.split.balance import check_coverage, check_sizes, check_weights, over_cap, weighted
from lib.split.leakage import Searched, leak_error, search_files
from lib.split.rows import SplitRows, read_split_rows
from lib.split.ties import Ties, find_ties, tie_leaks

SPLIT_FOLDER = Path("data/split")
_HELD_OUT = ("val", "test")
SPLITS = ("train", *_HELD_OUT)
DEDUPED = Path("data/deduped.jsonl")


class Settled(NamedTuple):
    """A split without leaks."""

    fates: list[str]  # for each record its split, or why it has none
    searched: Searched
    removed: Counter[str]  # rows of train that leaked, by kind


def group_position(group: str, seed: int) -> float:
    """Hash a group's name to a number in [0, 1), so that adding rows moves no other group."""
    digest = blake2b(f"{seed}:{group}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def drawn(group: str, params: SplitParams) -> str:
    """Draw the split of a group by its position."""
    position = group_position(group, params.seed)
    if position < params.test:
        return "test"
    return "val" if position < params.test + params.val else "train"


def assign(records: Sequence[Record], ties: dict[int, list[int]], params: SplitParams) -> list[str]:
    """Decide the fate of each record: a split, or the reason why it is dropped.

    It is the split fixed by its source; else that of earlier rows that it resembles or shares a
    group with; else the one drawn for its first group. ties: for each record the indices of earlier
    ones. A row tied to rows of two splits is dropped (`between_splits`), since keeping it would
    connect those: no row moves an earlier one. So is a row tied to a split that only sources may
    fill (`test: 0`): a published test set is not changed.
    """
    closed = {name for name in _HELD_OUT if not getattr(params, name)}
    fates: list[str] = []
    of_group: dict[str, str] = {}
    common = recurring(lambda: (record["groups"] for record in records))  # dropped rows tie nothing
    for index, record in enumerate(records):
        tied = {fates[earlier] for earlier in ties.get(index, ())} & set(SPLITS)
        groups = [group for group in record["groups"] if group in common]
        tied |= {of_group[group] for group in groups if group in of_group}
        if record["split"]:
            fate = record["split"]
        elif len(tied) > 1 or tied & closed:
            fate = "between_splits"
        else:
            fate = tied.pop() if tied else drawn(record["groups"][0], params)
        fates.append(fate)
        if fate in SPLITS:
            of_group |= {group: fate for group in groups if group not in of_group}
    return fates


def fates_with(
    records: SplitRows, ties: Ties, params: SplitParams, shared: Shared, other: SplitParams
) -> list[str]:
    """Decide the fate of each record under other params, for advice."""
    if other.threshold != params.threshold:
        ties = find_ties(RecordFile(DEDUPED), other, shared)
    return assign(records, ties, other)


def by_split(records: SplitRows, fates: list[str]) -> dict[str, SplitRows]:
    """Group the records by split."""
    return {name: records.take(indices_of(fates, name)) for name in SPLITS}


def indices_of(fates: list[str], name: str) -> Indices:
    """Return the indices of the records of a fate."""
    return np.array([index for index, fate in enumerate(fates) if fate == name], np.int64)


def drop_over_cap(records: SplitRows, fates: list[str], params: SplitParams) -> None:
    """Mark train rows above the cap of their scenario as `capped`, in place."""
    train = indices_of(fates, "train")
    for nth in over_cap(records.take(train), params.balance.cap, params.seed):
        fates[train[nth]] = "capped"


def write_splits(folder: Path, records: SplitRows, fates: list[str], params: SplitParams) -> None:
    """Write each record to the file of its split; in train repeated by its weight."""
    with ExitStack() as stack:
        files = {
            name: stack.enter_context(atomic_text(folder / f"{name}.jsonl")) for name in SPLITS
        }
        for record, fate, (_, line) in zip(records, fates, read_lines(DEDUPED), strict=True):
            if fate in SPLITS:
                weights = params.balance.weights if fate == "train" else {}
                files[fate].write(line * weights.get(record["scenario"], 1))


def split_until_clean(
    folder: Path,
    records: SplitRows,
    ties: Ties,
    params: SplitParams,
    each: Each,
    shared: Shared,
) -> Settled:
    """Split, write the files and check them for leaks, until there are none.

    Rows that the check finds similar are tied and split again. If that is impossible, the train row
    is dropped if split.on_leak is `drop_train`; else a UserError names it.
    """
    leaked: dict[int, str] = {}
    while True:
        fates = assign(records, ties, params)
        for index in leaked:
            fates[index] = "leaked"
        drop_over_cap(records, fates, params)
        write_splits(folder, records, fates, params)
        searched = search_files(folder, params, each, shared)
        if not searched.leaks:
            return Settled(fates, searched, Counter(leaked.values()))
        stuck = tie_leaks(searched.leaks, records, fates, ties)
        if stuck and params.on_leak == "fail":
            raise leak_error(stuck)
        kinds = {leak.train: leak.kind for leak in reversed(stuck)}
        for index, (record, fate) in enumerate(zip(records, fates, strict=True)):
            if fate == "train" and record["id"] in kinds:
                leaked[index] = kinds[record["id"]]


def leakage_report(
    searched: Searched, removed: Counter[str], params: SplitParams
) -> dict[str, Any]:
    """Return reports/leakage.json: what was compared, and that nothing leaks."""
    compared = {
        f"{SPLIT_FOLDER}/{name}.jsonl" if name in SPLITS else name: {"sha256": hashed, "rows": rows}
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
        "removed": dict(sorted(removed.items())),
    }


def count_groups(splits: Collection[SplitRows]) -> int:
    """Count the connected components of rows by shared groups."""
    common = recurring(lambda: (record["groups"] for rows in splits for record in rows))
    tied = [
        record["groups"]
        for rows in splits
        for record in rows
        if not common.isdisjoint(record["groups"])
    ]
    return sum(map(len, splits)) - len(tied) + len(set(components(tied)))


def split_counts(records: Sequence[Record]) -> dict[str, Any]:
    """Count the rows of a split by scenario, language, tag and source."""
    return {
        "rows": len(records),
        "pairs": sum(is_pair(record) for record in records),
        "scenarios": dict(sorted(Counter(record["scenario"] for record in records).items())),
        "languages": dict(sorted(Counter(record["language"] for record in records).items())),
        "licenses": dict(sorted(Counter(record["license"] for record in records).items())),
        "tags": dict(sorted(Counter(tag for record in records for tag in record["tags"]).items())),
    }


def _account(records: SplitRows, fates: list[str]) -> Ledger:
    """Count every record of every source, kept or dropped and why."""
    ledger = Ledger()
    for record, fate in zip(records, fates, strict=True):
        ledger.enter(record["source"])
        if fate in SPLITS:
            ledger.keep(record["source"])
        else:
            ledger.drop(record["source"], fate)
    return ledger


def warn(
    fates: list[str], splits: dict[str, SplitRows], params: SplitParams, others: Fates
) -> None:
    """Print warnings about the splits.

    They are about a test split without chats, rows drawn into a published split, and many rows lost
    between splits.
    """
    for name in _HELD_OUT:
        own = sum(record["split"] == name for record in splits[name])
        more = len(splits[name]) - own
        if own and more:
            print(
                f"split: warning: {name} has {own} rows of sources with `split: {name}`, and {more}"
                f" drawn from the others; set split.{name} to 0 to draw none"
            )
    if splits["test"] and all(map(is_pair, splits["test"])):
        print(
            "split: warning: test has only pairs, which have no right answer, so the systems are "
            "compared only by the cases of evals/; write yours there, or add chats to data.sources"
        )
    lost = fates.count("between_splits") / len(fates)
    if lost > MANY:
        print(
            f"split: warning: {lost:.0%} of the rows resemble rows of two splits and are dropped "
            f"(between_splits); {why_between(fates, RecordFile(DEDUPED), params, others)}"
        )


def main() -> None:
    """Run the stage."""
    params, task = load("split", SplitParams), load("task", TaskParams)
    check_answers(task)  # not only after hours of training
    dedup = load("dedup", DedupParams)
    check_thresholds(dedup, params)
    records = read_split_rows(read_records(DEDUPED))
    check_weights(records, params.balance)
    shared = all_passages(read_shared())
    ties = find_ties(RecordFile(DEDUPED), params, shared)
    with atomic_folder(SPLIT_FOLDER) as folder, workers(dedup, "leakage check") as each:
        fates, searched, removed = split_until_clean(folder, records, ties, params, each, shared)
        splits = by_split(records, fates)
        fates_by = partial(fates_with, records, ties, params, shared)
        texts = RecordFile(DEDUPED)
        check_sizes(splits, params, lambda: why_empty(records, ties, texts, params, fates_by))
        scenarios = {*task.closed.get(task.scenario, ()), *task.labels}
        check_coverage(splits, scenarios, params.coverage)
    write_json("reports/leakage.json", leakage_report(searched, removed, params))

    train, groups = len(splits["train"]), count_groups(splits.values())
    splits["train"] = weighted(splits["train"], params.balance.weights)
    ledger = _account(records, fates)
    metrics = ledger.close() | {"groups": groups, "repeats": len(splits["train"]) - train}
    write_json(
        "metrics/split.json", metrics | {name: split_counts(splits[name]) for name in SPLITS}
    )
    print(ledger.summary("split"))
    print("split: " + ", ".join(f"{name} {len(splits[name]):,}" for name in SPLITS))
    warn(fates, splits, params, fates_by)


if __name__ == "__main__":
    run(main)
