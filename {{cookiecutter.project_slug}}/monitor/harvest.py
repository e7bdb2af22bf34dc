"""Propose new records from logs, bad or new requests, each with a reason.

run     make harvest LOGS="logs/*.jsonl"
reads   the logs, reports/monitor/reference.json, data/split, evals, data/raw/feedback-*.jsonl
writes  data/harvest.jsonl: one line per proposal, for a person to decide on

Texts are masked like training data. Left out and counted are near copies of known records (train
and earlier feedback), of held-out ones (val, test, evals: they would leak), and of each other.
Write `train`, `golden`, `adversarial` or `drop` into `decide`, correct the `answer`, and run
`python -m monitor.accept`.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lib.core.config import load
from lib.core.records import (
    prompt_text,
    read_lines,
    read_objects,
    read_records,
    text_of,
    write_records,
)
from lib.curate.language import sure_language
from lib.monitoring.params import MonitorParams
from lib.monitoring.proposals import REASONS, Proposal, gather
from lib.monitoring.reference import read_reference
from lib.runtime.errors import CommandLine, UserError, run
from lib.similarity.heldout import HELD_OUT, eval_prompts
from lib.similarity.near_copies import KnownTexts
from lib.similarity.params import DedupParams, SplitParams
from lib.similarity.shared_text import known_passages
from monitor.reading import Slice, observer, read_logs

HARVEST = Path("data/harvest.jsonl")
RAW, FEEDBACK = Path("data/raw"), "feedback-*.jsonl"


def known_prompts() -> list[str]:
    """List the prompts that training already has: train, and accepted feedback."""
    prompts = [prompt_text(record) for record in read_records("data/split/train.jsonl")]
    for path in sorted(RAW.glob(FEEDBACK)):
        prompts += [text_of(row["messages"][:-1]) for row in read_objects(path)]
    return prompts


def held_out_prompts() -> list[str]:
    """List the prompts that training must not see: val, test and the cases of evals/."""
    prompts = [
        prompt_text(record)
        for name in HELD_OUT
        for record in read_records(f"data/split/{name}.jsonl")
    ]
    cases = eval_prompts(load("split", SplitParams).benchmarks)
    return prompts + [case.prompt for case in cases]


def copies(asked: list[str], known: KnownTexts) -> set[int]:
    """Return the indices of prompts that are copies or near copies of a known one."""
    return {hit.one for hit in [*known.same(asked), *known.near(asked)]}


def new_proposals(proposals: list[Proposal], dropped: Counter[str]) -> Iterator[Proposal]:
    """Yield proposals that are not copies of known, held-out or earlier prompts."""
    dedup, asked = load("dedup", DedupParams), [one.call.prompt() for one in proposals]
    shared = known_passages()
    held = KnownTexts(held_out_prompts(), dedup.evals_threshold, dedup.ngram, shared)
    leaks = copies(asked, held) | {hit.one for hit in held.quoted(asked)}
    old = copies(asked, KnownTexts(known_prompts(), dedup.threshold, dedup.ngram, shared))
    each_other = KnownTexts(asked, dedup.threshold, dedup.ngram, shared).near(asked)
    later = {max(hit.one, hit.other) for hit in each_other if hit.one != hit.other}
    for index, proposal in enumerate(proposals):
        reasons = {"held_out": leaks, "known": old, "copy": later}
        why = next((name for name, found in reasons.items() if index in found), None)
        if why or not asked[index].strip():
            dropped[why or "empty"] += 1
        else:
            yield proposal


def limited(proposals: Iterator[Proposal], most: int, dropped: Counter[str]) -> list[Proposal]:
    """Return at most `most` proposals per first reason, and count the others."""
    counts, kept = Counter[str](), []
    for proposal in proposals:
        counts[proposal.reasons[0]] += 1
        if counts[proposal.reasons[0]] <= most:
            kept.append(proposal)
        else:
            dropped["over monitor.harvest.most"] += 1
    return kept


def to_review_row(proposal: Proposal) -> dict[str, Any]:
    """Build a line of the review file."""
    call, edited = proposal.call, proposal.call.feedback.get("edited", "").strip()
    return {
        "decide": "",  # train, golden, adversarial or drop
        "propose": "adversarial" if proposal.why.startswith("unsafe") else "train",
        "reasons": proposal.reasons,
        "why": proposal.why,
        "answer": edited or call.answer,
        "answer_from": "edited" if edited else "model",
        "messages": [turn for turn in call.messages if turn["role"] != "system"],
        "language": sure_language(call.prompt()),
        "time": call.time,
        "request_id": call.id,
    }


def read_review() -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, row) of the review file; raise UserError for a line that is not JSON."""
    if not HARVEST.exists():
        raise UserError(f"{HARVEST}: not found; `make harvest LOGS=...` writes it")
    for number, line in read_lines(HARVEST):
        try:
            row = json.loads(line) if line.strip() else {}
        except ValueError as error:
            raise UserError(
                f"{HARVEST}:{number}: is not JSON ({error}); correct the line"
            ) from None
        if not isinstance(row, dict):
            raise UserError(f"{HARVEST}:{number}: must be a JSON object; correct the line")
        if row:
            yield number, row


def check_undecided() -> None:
    """Raise UserError if the review file contains decisions, which would be overwritten."""
    if HARVEST.exists() and any(row.get("decide") for _, row in read_review()):
        raise UserError(
            f"{HARVEST}: contains decisions; run `python -m monitor.accept` to accept them first"
        )


def main() -> None:
    """Propose production records for labeling."""
    parser = CommandLine("monitor.harvest", __doc__)
    parser.add_argument("logs", nargs="+", metavar="LOGS", help="files or globs")
    parser.add_argument("--model", help="only requests that this model answered")
    args = parser.parse_args()
    check_undecided()
    params, release = load("monitor", MonitorParams), read_reference()
    skipped, dropped = Counter[str](), Counter[str]()
    calls = read_logs(args.logs, params, skipped, Slice(model=args.model))
    want = params.harvest
    found = gather(calls, observer(release, params), want.confidence, want.most)
    kept = limited(new_proposals(found, dropped), want.most, dropped)
    write_records(HARVEST, map(to_review_row, kept))
    counts = Counter(proposal.reasons[0] for proposal in kept)
    reasons = ", ".join(f"{counts[reason]:,} {reason}" for reason in REASONS)
    left = ", ".join(f"{count:,} {reason}" for reason, count in sorted(dropped.items()))
    print(f"harvest: {HARVEST}: {reasons}; left out {left or 'none'}")
    print("harvest: decide in the file, then `python -m monitor.accept`")


if __name__ == "__main__":
    run(main, arguments=True)
