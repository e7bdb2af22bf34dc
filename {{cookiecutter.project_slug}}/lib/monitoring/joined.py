"""What a log says of a request in two places, joined."""

from collections import Counter
from dataclasses import replace
from typing import Any

from lib.monitoring.calls import Call
from lib.monitoring.fields import BadCall, at, id_text
from lib.monitoring.rows import from_row
from lib.monitoring.vllm_log import WAITING


class Joined:
    """Joins what OpenTelemetry says twice of a request: a span without texts, and an event.

    Up to WAITING halves wait for the other one.
    """

    def __init__(self, skipped: Counter[str]) -> None:
        self.skipped = skipped
        self.waiting: dict[str, Call] = {}
        self.whole: dict[str, None] = {}

    def take(self, call: Call) -> list[Call]:
        """Return the calls that are whole now."""
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
        """Return the halves that stayed alone."""
        return list(self.waiting.values())


def both(span: Call, event: Call) -> Call:
    """Put what is said, which the event has, into what was measured."""
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
    """Joins the chunks of an answer that our format has line by line, as it was streamed."""

    def __init__(self) -> None:
        self.streams: dict[str, Call] = {}  # answers that have not ended yet
        self.ended: dict[str, None] = {}  # streams whose last chunk may still follow with usage

    def take(self, row: dict[str, Any]) -> list[Call]:
        """Return the call that a row completes, if it completes one."""
        name = id_text(row.get("request_id"))
        if name in self.ended and at(row.get("response"), "choices") == []:
            raise BadCall("other_line")  # the tokens used, after the last chunk
        if "request" not in row and (begun := self.streams.get(name)):
            asked = {"request": {"messages": begun.messages}, "time": begun.time}
            row = asked | row  # a later chunk, whose line has no request
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
        """Return the answers that did not end."""
        return list(self.streams.values())
