"""Join the records of a request that a log has in several places."""

from collections import Counter
from dataclasses import replace
from typing import Any

from lib.monitoring.calls import Call
from lib.monitoring.fields import BadCall, at, id_text
from lib.monitoring.rows import from_row
from lib.monitoring.vllm_log import WAITING


class Joined:
    """Joins OpenTelemetry's two records of a request: a span without texts, and an event.

    Up to WAITING halves wait for their counterpart.
    """

    def __init__(self, skipped: Counter[str]) -> None:
        self.skipped = skipped
        self.waiting: dict[str, Call] = {}
        self.whole: dict[str, None] = {}

    def take(self, call: Call) -> list[Call]:
        """Add a call; return the calls that are now complete."""
        if not call.half:
            return [call]
        if call.half in self.whole:
            self.skipped["copy"] += 1
            return []
        other = self.waiting.pop(call.half, None)
        if other:
            self.skipped["copy"] += 1
        if other and other.withheld != call.withheld:
            span, event = (call, other) if call.withheld else (other, call)
            self._done(call.half)
            return [both(span, event)]
        self.waiting[call.half] = other if other and other.latency_ms is not None else call
        if len(self.waiting) > WAITING:
            return [self.waiting.pop(next(iter(self.waiting)))]
        return []

    def _done(self, key: str) -> None:
        self.whole[key] = None
        if len(self.whole) > WAITING:
            self.whole.pop(next(iter(self.whole)))

    def rest(self) -> list[Call]:
        """Return the halves without a counterpart."""
        return list(self.waiting.values())


def both(span: Call, event: Call) -> Call:
    """Add the texts of an event to the measurements of its span."""
    return replace(
        span,
        messages=event.messages,
        answer=event.answer,
        finish=event.finish or span.finish,
        refused=event.refused or span.refused,
        tools=event.tools,
        error=span.error or event.error,
        withheld=False,
        model=span.model or event.model,
    )


class Chunks:
    """Joins the chunks of a streamed answer that our format has line by line."""

    def __init__(self) -> None:
        self.streams: dict[str, Call] = {}  # unfinished answers
        self.ended: dict[str, None] = {}  # streams for which a chunk with usage may follow

    def take(self, row: dict[str, Any]) -> list[Call]:
        """Add a row; return the call that it completes, if any."""
        name = id_text(row.get("request_id"))
        if name in self.ended and at(row.get("response"), "choices") == []:
            raise BadCall("other_line")  # usage, after the last chunk
        if "request" not in row and (begun := self.streams.get(name)):
            asked = {"request": {"messages": begun.messages}, "time": begun.time}
            row = asked | row  # a later chunk, without a request
        call = from_row(row)
        if not call.part:
            return [call]
        if before := self.streams.pop(call.id, None):
            before.answer += call.answer
            before.finish, before.latency_ms = call.finish, call.latency_ms
            call = before
        self.streams[call.id] = call
        if not call.finish and len(self.streams) <= WAITING:
            return []
        oldest = call.id if call.finish else next(iter(self.streams))
        self.ended[oldest] = None
        return [self.streams.pop(oldest)]

    def rest(self) -> list[Call]:
        """Return the unfinished answers."""
        return list(self.streams.values())
