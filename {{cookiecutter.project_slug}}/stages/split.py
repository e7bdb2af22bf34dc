"""Split records into train, val and test so that no group, copy or near copy crosses; prove it.

reads   data/deduped.jsonl, evals/golden.jsonl, evals/adversarial.jsonl
writes  data/split/{train,val,test}.jsonl, reports/leakage.json, metrics/split.json
"""

from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lib.config import load
from lib.errors import UserError, run
from lib.evals import FILES, read_either
from lib.files import atomic_folder, sha256, write_json
from lib.leakage import search
from lib.ledger import Ledger
from lib.minhash import components, near_pairs
from lib.params.split import SplitParams
from lib.records import Record, is_pair, prompt_of, read_records, text_of, write_records

FOLDER = Path("data/split")
NAMES = ("train", "val", "test")
PERMUTATIONS, RECALL = 128, 0.9999  # a pair that is missed here would fail the proof
SHOWN = 5  # leaks named in an error message


class Leak(NamedTuple):
    """A train row that resembles a row held out from training."""

    train: str
    file: str
    other: str
    similarity: float


def prompts_of(records: list[Record]) -> list[str]:
    """What is asked in each record."""
    return [text_of(prompt_of(record)) for record in records]


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


def link(records: list[Record], params: SplitParams) -> list[int]:
    """For each record the first one it must share a split with: same group, or near copies."""
    pairs, _ = near_pairs(
        prompts_of(records), params.threshold, params.ngram, PERMUTATIONS, params.seed, RECALL
    )
    first: dict[str, int] = {}
    same = [(first.setdefault(record["group"], at), at) for at, record in enumerate(records)]
    links = np.concatenate([pairs, np.array(same, np.int64).reshape(-1, 2)])
    return [int(label) for label in components(len(records), links)]


def assign(records: list[Record], labels: list[int], params: SplitParams) -> list[str]:
    """The split of each record: its source's, else that of fixed rows linked to it, else drawn by
    the group of the first record it is linked to (so rows added at the end move no other)."""
    fixed: dict[int, str] = {}
    for record, label in zip(records, labels, strict=True):
        if record["split"]:
            fixed[label] = max(fixed.get(label, "train"), record["split"], key=NAMES.index)
    return [
        record["split"] or fixed.get(label) or drawn(records[label]["group"], params)
        for record, label in zip(records, labels, strict=True)
    ]


def held_out(splits: dict[str, list[Record]]) -> Iterator[tuple[str, list[str], list[str]]]:
    """(name, ids, prompts) of everything that training must not see."""
    for name in NAMES[1:]:
        yield name, [record["id"] for record in splits[name]], prompts_of(splits[name])
    for path in FILES:
        cases = read_either(path)
        prompts = [text_of(case.prompt()) for case in cases]
        yield path.stem, [case.id for case in cases], prompts


def leaks(splits: dict[str, list[Record]], params: SplitParams) -> Iterator[Leak]:
    """Every train row that resembles something held out, found by exact search."""
    train = prompts_of(splits["train"])
    for name, ids, prompts in held_out(splits):
        for hit in search(train, prompts, params.threshold, params.ngram):
            yield Leak(splits["train"][hit.one]["id"], name, ids[hit.other], hit.similarity)


def fail(found: list[Leak]) -> UserError:
    """One line that names the rows and the ways out."""
    shown = ", ".join(
        f"{leak.train} ~ {leak.file} {leak.other} ({leak.similarity:.2f})" for leak in found[:SHOWN]
    )
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return UserError(
        f"data/deduped.jsonl: {len(found)} train rows resemble held-out rows: {shown}{more}; "
        "set split.on_leak to drop_train to drop them from train, mend the sources' split, or "
        "lower dedup.evals_threshold to split.threshold for golden and adversarial cases"
    )


def read_splits(folder: Path) -> dict[str, list[Record]]:
    """The records of the three files."""
    return {name: list(read_records(folder / f"{name}.jsonl")) for name in NAMES}


def prove(folder: Path, params: SplitParams) -> dict[str, Any]:
    """Search the files as written; raise when anything leaks, else say what was compared."""
    splits = read_splits(folder)
    found = list(leaks(splits, params))
    if found:
        raise fail(found)
    files = {f"{FOLDER}/{name}.jsonl": folder / f"{name}.jsonl" for name in NAMES}
    files |= {path.as_posix(): path for path in FILES}
    rows = [len(splits[name]) for name in NAMES] + [len(read_either(path)) for path in FILES]
    return {
        "threshold": params.threshold,
        "ngram": params.ngram,
        "leaks": 0,
        "compared": {
            name: {"sha256": sha256(path), "rows": count}
            for (name, path), count in zip(files.items(), rows, strict=True)
        },
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
    }


def main() -> None:
    """Run the stage."""
    params = load("split", SplitParams)
    records = list(read_records("data/deduped.jsonl"))
    labels = link(records, params)
    splits: dict[str, list[Record]] = {name: [] for name in NAMES}
    for record, name in zip(records, assign(records, labels, params), strict=True):
        splits[name].append(record)

    leaked = set()
    if params.on_leak == "drop_train":
        leaked = {leak.train for leak in leaks(splits, params)}
        splits["train"] = [record for record in splits["train"] if record["id"] not in leaked]
    check_sizes(splits, params)
    with atomic_folder(FOLDER) as folder:
        for name in NAMES:
            write_records(folder / f"{name}.jsonl", splits[name])
        report = prove(folder, params)
    write_json("reports/leakage.json", report)

    ledger = Ledger()
    kept = {id(record) for rows in splits.values() for record in rows}
    for record in records:
        ledger.enter(record["source"])
        if id(record) in kept:
            ledger.keep(record["source"])
        else:
            ledger.drop(record["source"], "leaked")
    metrics = ledger.close() | {"groups": len(set(labels))}
    write_json("metrics/split.json", metrics | {name: counts(splits[name]) for name in NAMES})
    print(ledger.summary("split"))
    print("split: " + ", ".join(f"{name} {len(splits[name]):,}" for name in NAMES))


if __name__ == "__main__":
    run(main)
