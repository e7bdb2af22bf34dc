"""Which requests of a log are worth a person's look, and why; in memory that does not grow."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from lib.monitoring.calls import Call
from lib.monitoring.readers import batches
from lib.monitoring.window import BATCH, Observer

REASONS = ("incident", "negative_feedback", "low_confidence", "drifted_scenario")
SPARE = 5  # times as many are kept as are proposed: copies of what is known go later


@dataclass(order=True)
class Proposal:
    """A request worth a look; ordered by a hash of its id, so that those kept are a fair sample."""

    rank: int
    call: Call = field(compare=False)
    reasons: list[str] = field(compare=False)
    why: str = field(compare=False)


def gather(
    calls: Iterable[Call], observer: Observer, confidence: float, most: int
) -> list[Proposal]:
    """Gather the proposals of each reason, at most `SPARE * most` of each, every request once."""
    kept: dict[str, list[Proposal]] = {reason: [] for reason in REASONS}
    for batch in batches(calls, BATCH):
        answered = [call for call in batch if call.error is None and not call.withheld]
        for call, found in zip(answered, observer.watch.look(answered), strict=True):
            reasons = [REASONS[0]] if found else []
            reasons += other_reasons(call, observer, confidence)
            if reasons:
                why = "; ".join(f"{one.kind}: {one.why}" for one in found)
                proposal = Proposal(-rank(call.id), call, reasons, why)
                for reason in reasons:
                    push(kept[reason], proposal, SPARE * most)
    unique = {id(one): one for heap in kept.values() for one in heap}
    return sorted(unique.values(), key=lambda one: (REASONS.index(one.reasons[0]), -one.rank))


def other_reasons(call: Call, observer: Observer, confidence: float) -> list[str]:
    """Yield reasons that the call alone shows."""
    shown = {
        "negative_feedback": bool(call.feedback) and observer.is_negative(call),
        "low_confidence": call.confidence is not None and call.confidence < confidence,
        "drifted_scenario": observer.release.familiar.is_not(call.prompt()),
    }
    return [reason for reason, holds in shown.items() if holds]


def push(heap: list[Proposal], proposal: Proposal, most: int) -> None:
    """Keep the lowest hashes."""
    if len(heap) < most:
        heapq.heappush(heap, proposal)
    else:
        heapq.heappushpop(heap, proposal)


def rank(key: str) -> int:
    """Derive a number from the id alone."""
    digest = blake2b(key.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big")
