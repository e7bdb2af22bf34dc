"""Drop copies and near copies, and whatever resembles or quotes a case in evals/.

Two records of a kind (chat or preference pair) are copies when what is asked and every answer are
at least `threshold` similar. A record goes where it is a copy of one that stays: of two the first
in the data does, so that rows added at the end replace none, and the source named first is the one
trusted most. Of a chain of copies those stay that are too far from each other. Similar questions
with other answers stay, and are counted; preference pairs with similar questions and the answers
turned round contradict each other, and none of them stays, nor a copy of one. Rows that their
source has published as val or test all stay. A row that stays has a `cluster`: the id of the first
row that stays of those with similar questions, whatever their answers and kinds.

reads   data/curated.jsonl, evals/ (its cases, and the test sets that split.benchmarks names)
writes  data/deduped.jsonl, data/duplicates.jsonl, metrics/dedup.json
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lib.core.config import load
from lib.core.records import prompt_text, read_lines
from lib.intake.ledger import Ledger
from lib.runtime.errors import run
from lib.runtime.files import atomic_text, write_json
from lib.similarity.compare import Related, Relation, Values, batches, compare, known
from lib.similarity.copies import find
from lib.similarity.heldout import check_thresholds, eval_prompts
from lib.similarity.minhash import components
from lib.similarity.params import Benchmark, DedupParams, SplitParams
from lib.similarity.shingles import Pairs, Places
from lib.similarity.survey import Survey, by_worth, like_a_case, originals
from lib.similarity.workers import workers

CURATED = Path("data/curated.jsonl")
STAYS, EXACT, NEAR, CONTRADICTION, CASE = range(5)  # what becomes of a record, and why
REASONS = {EXACT: "exact_copy", NEAR: "near_copy", CONTRADICTION: "contradiction"}


class Case(NamedTuple):
    """A case of evals/ as far as dedup needs it."""

    reason: str  # for which a record that is like it goes
    id: str
    prompt: str


class Fates(NamedTuple):
    """What becomes of each record."""

    reason: npt.NDArray[np.int8]
    other: Places  # the record that stays instead of it, or that contradicts it
    cluster: Places  # the first that stays of those with similar prompts


def read_cases(benchmarks: list[Benchmark]) -> list[Case]:
    """What no record may be like: every case of evals/ and every row of a named benchmark."""
    return [
        Case(f"{path.stem}_copy", key, prompt) for path, key, prompt in eval_prompts(benchmarks)
    ]


def decide(found: Survey, near: Related) -> Fates:
    """What becomes of each record."""
    count, places, first = len(found.starts), np.arange(len(found.starts)), originals(found)
    exact = np.stack([first, places], axis=1)[first != places]
    kept = keepers(first, near.pairs[near.relation == Relation.COPY], found)
    opponent = contradicted(kept, near.pairs[near.relation == Relation.CONTRADICTION])
    reason = np.where(first[kept] == first, EXACT, NEAR)
    reason[kept == places] = STAYS
    reason[opponent >= 0] = CONTRADICTION
    reason[found.published] = STAYS
    reason[like_a_case(found)] = CASE

    similar = near.pairs[near.relation != Relation.FAR]
    labels = components(count, np.concatenate([exact, similar]))
    cluster, stays = np.full(count, count), np.flatnonzero(reason == STAYS)
    np.minimum.at(cluster, labels[stays], stays)
    other = np.where(opponent >= 0, opponent, kept)
    return Fates(reason.astype(np.int8), other, cluster[labels])


def keepers(first: Places, copies: Pairs, found: Survey) -> Places:
    """Of each record the one that stays in its place: itself, or the best that it is a copy of.
    Who goes drops nobody: a chain of copies has ends that are none of each other."""
    order = by_worth(found)
    rank = np.argsort(order)
    best = np.full(len(rank), len(rank))  # of exact copies
    np.minimum.at(best, first, rank)
    pairs = np.sort(best[first[copies]], axis=1)  # ranks: (better, worse)
    kept, published = list(range(len(rank))), found.published[order].tolist()
    for one, other in pairs[np.lexsort(pairs.T[::-1])].tolist():
        if kept[one] == one and kept[other] == other and not published[other]:
            kept[other] = one
    return order[np.array(kept, np.int64)[best[first]]]


def contradicted(kept: Places, pairs: Pairs) -> Places:
    """For each record the first that contradicts it or a copy of it, or -1."""
    sides = kept[np.concatenate([pairs, pairs[:, ::-1]])]
    names, first = np.unique(sides[:, 0], return_index=True)
    opponent = np.full(len(kept), -1)
    opponent[names] = sides[first, 1]
    return opponent[kept]


def similarities(fates: Fates, found: Survey, near: Related, params: DedupParams) -> Values:
    """How similar the prompts are of each record that goes and of what it goes for."""
    result = np.where(fates.reason == CASE, found.similarity, 1.0)
    rows = np.flatnonzero((fates.reason == NEAR) | (fates.reason == CONTRADICTION))
    sides = np.stack([rows, fates.other[rows]], axis=1)
    pairs = np.sort(originals(found)[sides], axis=1)  # as they were compared
    result[rows] = known(near, pairs, len(found.starts))
    unknown = np.isnan(result[rows])  # a copy of one contradicted, or of what contradicts it
    rows, pairs = rows[unknown], pairs[unknown]
    for part in batches(pairs, found.starts, found.ends):
        result[rows[part]], _ = compare(CURATED, found.starts[pairs[part]], params)
    return result


def duplicate(line: str, drop: dict[str, Any]) -> str:
    """A line of data/duplicates.jsonl."""
    record = json.loads(line)
    head = {"id": record["id"], "source": record["source"], **drop, "prompt": prompt_text(record)}
    return json.dumps(head, ensure_ascii=False) + "\n"


def write(found: Survey, fates: Fates, values: Values, cases: Sequence[Case]) -> None:
    """Write each line where it goes, the file read once more."""
    with (
        atomic_text("data/deduped.jsonl") as stay,
        atomic_text("data/duplicates.jsonl") as go,
    ):
        for number, line in read_lines(CURATED):
            place = number - 1
            if fates.reason[place] == STAYS:
                cluster = json.dumps(found.ids[fates.cluster[place]].decode())
                stay.write(f'{line.rstrip()[:-1]}, "cluster": {cluster}}}\n')
            else:
                go.write(duplicate(line, drop_of(place, found, fates, values, cases)))


def drop_of(
    place: int, found: Survey, fates: Fates, values: Values, cases: Sequence[Case]
) -> dict[str, Any]:
    """Why a record goes, as data/duplicates.jsonl says it."""
    reason, value = int(fates.reason[place]), round(float(values[place]), 4)
    if reason == CASE:
        case = cases[found.case[place]]
        return {"reason": case.reason, "kept": case.id, "similarity": value}
    other = found.ids[fates.other[place]].decode()
    key = "contradicts" if reason == CONTRADICTION else "kept"
    return {"reason": REASONS[reason], key: other, "similarity": value}


def account(found: Survey, fates: Fates, cases: Sequence[Case]) -> Ledger:
    """The ledger of the stage."""
    ledger = Ledger()
    reasons = fates.reason.tolist()
    for source, reason, case in zip(found.sources, reasons, found.case.tolist(), strict=True):
        ledger.enter(source)
        if reason == STAYS:
            ledger.keep(source)
        else:
            ledger.drop(source, cases[case].reason if reason == CASE else REASONS[reason])
    return ledger


def main() -> None:
    """Run the stage."""
    params, split = load("dedup", DedupParams), load("split", SplitParams)
    check_thresholds(params, split)
    cases = read_cases(split.benchmarks)
    with workers(params, "dedup") as each:
        found, near = find(CURATED, tuple(case.prompt for case in cases), params, each)
    fates = decide(found, near)
    write(found, fates, similarities(fates, found, near, params), cases)
    ledger = account(found, fates, cases)
    _, sizes = np.unique(fates.cluster[fates.reason == STAYS], return_counts=True)
    found_out = {
        "conflicting_pairs": int(np.count_nonzero(near.relation == Relation.OTHER_ANSWER)),
        "clusters": int(np.count_nonzero(sizes > 1)),
    }
    write_json("metrics/dedup.json", ledger.close() | found_out)
    print(ledger.summary("dedup"))


if __name__ == "__main__":
    run(main)
