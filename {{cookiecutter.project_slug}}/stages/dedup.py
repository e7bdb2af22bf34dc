"""Drop copies and near copies, and whatever resembles or quotes a case in evals/.

Two records of a kind (chat or preference pair) are copies when what is asked and every answer are
at least `threshold` similar. Of two copies the first in the data stays, so that rows added at the
end displace none, and the source named first is the one trusted most. A record goes only where it
is a copy of one that stays: of a chain of copies those stay that are not similar enough to each
other. Similar questions with other answers stay, and are counted. Preference pairs with similar
questions and swapped answers contradict each other: all of them go, and so do their copies. Rows
that their source has published as val or test all stay.

reads   data/curated.jsonl, evals/ (its cases, and the test sets that split.benchmarks names)
writes  data/deduped.jsonl, data/duplicates.jsonl, data/shared_text.jsonl, metrics/dedup.json
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lib.core.config import load
from lib.core.records import prompt_text, read_lines
from lib.core.strict_json import loads
from lib.intake.ledger import Ledger
from lib.runtime.errors import run
from lib.runtime.files import atomic_text, write_json
from lib.similarity.copies import Related, Relation, find_copies, relate_all
from lib.similarity.heldout import HeldOut, eval_prompts
from lib.similarity.losses import heavy_losses
from lib.similarity.own_words import Shared
from lib.similarity.params import DedupParams, SplitParams, check_thresholds
from lib.similarity.shared_text import all_passages, find_shared, in_metrics, write_shared
from lib.similarity.shingles import Floats, IndexPairs, Indices
from lib.similarity.survey import Survey
from lib.similarity.workers import workers

_CURATED = Path("data/curated.jsonl")
STAYS, _EXACT, _NEAR, CONTRADICTION, HELD = range(5)  # what becomes of a record, and why
DROPPED = {_EXACT: "exact_copy", _NEAR: "near_copy", CONTRADICTION: "contradiction"}


class DedupFates(NamedTuple):
    """What becomes of each record."""

    reason: npt.NDArray[np.int8]
    other: Indices  # the record that stays instead of it, or that contradicts it


def decide_fates(found: Survey, near: Related, keep_near: bool = False) -> DedupFates:
    """Decide what becomes of each record; `keep_near`: near copies stay, exact ones go."""
    indices, first = np.arange(len(found.spans)), found.originals()
    kept = keepers(first, near.pairs[(near.relation == Relation.COPY) & (not keep_near)], found)
    opponent = contradicted(kept, near.pairs[near.relation == Relation.CONTRADICTION])
    reason = np.where(first[kept] == first, _EXACT, _NEAR)
    reason[kept == indices] = STAYS
    reason[opponent >= 0] = CONTRADICTION
    reason[found.published] = STAYS
    reason[found.is_held_out()] = HELD
    return DedupFates(reason.astype(np.int8), np.where(opponent >= 0, opponent, kept))


def keepers(first: Indices, copies: IndexPairs, found: Survey) -> Indices:
    """Find for each record the one that stays: itself, or the best record that it is a copy of.

    first: of each record, its original. A record that goes drops no other: the ends of a chain of
    copies may both stay.
    """
    order = found.best_first()
    rank = np.argsort(order)
    best = np.full(len(rank), len(rank))  # of exact copies
    np.minimum.at(best, first, rank)
    pairs = np.sort(best[first[copies]], axis=1)  # ranks: (better, worse)
    kept, published = list(range(len(rank))), found.published[order].tolist()
    for one, other in pairs[np.lexsort(pairs.T[::-1])].tolist():
        if kept[one] == one and kept[other] == other and not published[other]:
            kept[other] = one
    return order[np.array(kept, np.int64)[best[first]]]


def contradicted(kept: Indices, pairs: IndexPairs) -> Indices:
    """Find for each record the first that contradicts it or a copy of it, or -1."""
    sides = kept[np.concatenate([pairs, pairs[:, ::-1]])]
    names, first = np.unique(sides[:, 0], return_index=True)
    opponent = np.full(len(kept), -1)
    opponent[names] = sides[first, 1]
    return opponent[kept]


def similarities(
    fates: DedupFates, found: Survey, near: Related, params: DedupParams, shared: Shared
) -> Floats:
    """Find how similar the prompts are of each record that goes and of what it goes for."""
    result = np.where(fates.reason == HELD, found.similarity, 1.0)
    rows = np.flatnonzero((fates.reason == _NEAR) | (fates.reason == CONTRADICTION))
    sides = np.stack([rows, fates.other[rows]], axis=1)
    pairs = np.sort(found.originals()[sides], axis=1)  # as they were compared
    result[rows] = near.similarity_of(pairs, len(found.spans))
    unknown = np.isnan(result[rows])  # a copy of one contradicted, or of what contradicts it
    if unknown.any():
        more = relate_all(_CURATED, pairs[unknown], found.spans, params, shared)
        result[rows[unknown]] = more.similarity
    return result


def duplicate(line: str, drop: dict[str, Any]) -> str:
    """Write a line of data/duplicates.jsonl: the start of a record, and why it is dropped."""
    record = loads(line)
    head = {"id": record["id"], "source": record["source"], **drop, "prompt": prompt_text(record)}
    return json.dumps(head, ensure_ascii=False) + "\n"


def write_outputs(
    found: Survey, fates: DedupFates, values: Floats, held: Sequence[HeldOut]
) -> None:
    """Write each line into the file it belongs to, reading data/curated.jsonl once more."""
    with (
        atomic_text("data/deduped.jsonl") as stay,
        atomic_text("data/duplicates.jsonl") as go,
    ):
        for number, line in read_lines(_CURATED):
            if fates.reason[number - 1] == STAYS:
                stay.write(line)
            else:
                go.write(duplicate(line, why(number - 1, found, fates, values, held)))


def why(
    index: int, found: Survey, fates: DedupFates, values: Floats, held: Sequence[HeldOut]
) -> dict[str, Any]:
    """Say why a record goes, as data/duplicates.jsonl has it."""
    reason, value = int(fates.reason[index]), round(float(values[index]), 4)
    if reason == HELD:
        one = held[found.held_out[index]]
        return {"reason": copy_of(one), "kept": one.id, "similarity": value}
    other = found.ids[fates.other[index]].decode()
    key = "contradicts" if reason == CONTRADICTION else "kept"
    return {"reason": DROPPED[reason], key: other, "similarity": value}


def copy_of(held: HeldOut) -> str:
    """Name the reason for which a copy of something held out goes, such as golden_copy."""
    return f"{Path(held.file).stem}_copy"


def _account(found: Survey, fates: DedupFates, held: Sequence[HeldOut]) -> Ledger:
    """Count every record of every source, kept or dropped and why."""
    ledger = Ledger()
    reasons, prompts = fates.reason.tolist(), found.held_out.tolist()
    for source, reason, prompt in zip(found.sources, reasons, prompts, strict=True):
        ledger.enter(source)
        if reason == STAYS:
            ledger.keep(source)
        else:
            ledger.drop(source, copy_of(held[prompt]) if reason == HELD else DROPPED[reason])
    return ledger


def main() -> None:
    """Run the stage."""
    params, split = load("dedup", DedupParams), load("split", SplitParams)
    check_thresholds(params, split)
    held = list(eval_prompts(split.benchmarks))
    with workers(params, "dedup") as each:
        texts = find_shared(_CURATED, each)
        shared = all_passages(texts)
        prompts = tuple(one.prompt for one in held)
        found, near = find_copies(_CURATED, prompts, params, each, shared)
    fates = decide_fates(found, near, params.near_copies == "keep")
    write_outputs(found, fates, similarities(fates, found, near, params, shared), held)
    write_shared(texts)
    ledger = _account(found, fates, held)
    conflicting = int(np.count_nonzero(near.relation == Relation.OTHER_ANSWER))
    more = {"conflicting_pairs": conflicting, "shared_text": in_metrics(texts)}
    losses = heavy_losses(_CURATED, found, fates.reason != STAYS, ledger)
    more["losses"] = [loss._asdict() for loss in losses]
    write_json("metrics/dedup.json", ledger.close() | more)
    print(ledger.summary("dedup"))
    for text in texts:
        print(f"dedup: {text}")
    for loss in losses:
        print(loss.warning(params), file=sys.stderr)


if __name__ == "__main__":
    run(main)
