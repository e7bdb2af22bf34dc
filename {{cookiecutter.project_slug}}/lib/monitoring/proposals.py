"""Select requests that a person should look at, with reasons, in bounded memory."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from lib.monitoring.calls import Call
from lib.monitoring.readers import batches
from lib.monitoring.window import BATCH, Observer

REASONS = ("incident", "negative_feedback", "low_confidence", "drifted_scenario")
SPARE = 5  # factor of proposals kept, since copies are removed later


@dataclass(order=True)
class Proposal:
    """A proposed request; ordered by a hash of its id, so that those kept are a random sample."""

    rank: int
    call: Call = field(compare=False)
    reasons: list[str] = field(compare=False)
    why: str = field(compare=False)


def gather(
    calls: Iterable[Call], observer: Observer, confidence: float, most: int
) -> list[Proposal]:
    """Collect at most `SPARE * most` proposals of each reason, every request once."""
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
    """List the reasons that follow from the call alone."""
    shown = {
        "negative_feedback": bool(call.feedback) and observer.is_negative(call),
        "low_confidence": call.confidence is not None and call.confidence < confidence,
        "drifted_scenario": observer.release.familiar.is_not(call.prompt()),
    }
    return [reason for reason, holds in shown.items() if holds]


def push(heap: list[Proposal], proposal: Proposal, most: int) -> None:
    """Push a proposal to a heap that keeps the lowest hashes."""
    if len(heap) < most:
        heapq.heappush(heap, proposal)
    else:
        heapq.heappushpop(heap, proposal)


def rank(key: str) -> int:
    """Hash an id to a number."""
    digest = blake2b(key.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big")
