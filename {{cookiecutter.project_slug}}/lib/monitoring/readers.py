"""Logs of gateways and servers as calls; which one wrote a line is told by the line.

- our own format (calls.py)
- LiteLLM (litellm.py)
- vLLM's text log (vllm_log.py)
- OpenTelemetry (otel.py)

A line that is none of these is counted by its reason, never dropped silently.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from typing import Any

from lib.monitoring.calls import Call, from_row
from lib.monitoring.fields import BadCall, at, identity
from lib.monitoring.lines import DEEPEST, DOCKER, Container, decode, inside, log_lines
from lib.monitoring.litellm import from_litellm
from lib.monitoring.otel import SIGNALS, from_span, parts_of
from lib.monitoring.vllm_log import WAITING, VllmLog

# What a sound log holds besides requests to the model.
OTHER = ("other_call", "other_line", "copy")
BESIDES = (
    "text_line",
    "other_row",
)  # sound in a file that has requests; else it was not understood
HINTS = {  # a row with one of these keys may be a request in a format that is not known
    *("messages", "prompt", "input", "output", "choices", "completion", "answer", "request_id"),
}


def read_calls(paths: Iterable[Path], skipped: Counter[str]) -> Iterator[Call]:
    """Yield every call in the files once, in order; other lines are counted in `skipped` by reason.

    Copies are told by a hash of 8 bytes: a log that was rotated, compressed or sent again.
    """
    seen, joined = set[bytes](), Joined(skipped)
    read = (call for path in paths for call in _read_file(path, skipped))
    for ready in chain(map(joined.take, read), [None]):
        for call in joined.rest() if ready is None else ready:
            said = "\x00".join((call.id, str(call.time), call.error or "", call.answer))
            key = blake2b(said.encode(), digest_size=8).digest()
            if key in seen:
                skipped["copy"] += 1
            else:
                seen.add(key)
                yield call


def batches(calls: Iterable[Call], size: int) -> Iterator[list[Call]]:
    """Yield calls in batches."""
    waiting = iter(calls)
    while batch := list(islice(waiting, size)):
        yield batch


def _read_file(path: Path, skipped: Counter[str]) -> Iterator[Call]:
    inside = Counter[str]()
    log, found = LogReader(datetime.fromtimestamp(path.stat().st_mtime, UTC), inside), False
    for line in log_lines(path):
        for call in log.read(line):
            found = True
            yield call
    for call in log.close():
        found = True
        yield call
    if not found and not any(inside[reason] for reason in OTHER):
        inside["unknown_line"] = sum(inside.pop(reason, 0) for reason in BESIDES)
    skipped.update(+inside)


def is_known(row: dict[str, Any]) -> bool:
    """Tell whether an object is a row of a format that is read."""
    own = "request_id" in row and {"request", "response"} & row.keys()
    return bool(
        own
        or ("request" in row and "time" in row and "response" in row)
        or ("startTime" in row and "call_type" in row)
        or any(signal in row for signal in SIGNALS)
        or ("attributes" in row and "start_time" in row and "end_time" in row)
    )


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
        if call.id in self.whole:
            self.skipped["copy"] += 1
            return []
        other = self.waiting.pop(call.id, None)
        if other and other.withheld != call.withheld:
            span, event = (call, other) if call.withheld else (other, call)
            self.skipped["copy"] += 1
            self._done(call.id)
            return [replace(event, latency_ms=span.latency_ms, error=span.error or event.error)]
        self.waiting[call.id] = call
        if other:
            self.skipped["copy"] += 1
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


class LogReader:
    """Reads a log line by line, whichever of the formats each line is in."""

    def __init__(self, until: datetime, skipped: Counter[str]) -> None:
        self.skipped, self.vllm, self.container = skipped, VllmLog(until, skipped), Container()
        self.streams: dict[str, Call] = {}  # answers that have not ended yet
        self.ended: dict[str, None] = {}  # streams whose last chunk may still follow with usage

    def read(self, line: str) -> list[Call]:
        """Return the calls that a line completes; anything else in it is counted."""
        calls: list[Call] = []
        with self._counting():
            self._line(self.container.line(line), calls, 0)
        return calls

    def close(self) -> list[Call]:
        """End the file; return the calls whose streamed answer did not end in it."""
        self.vllm.close()
        return list(self.streams.values())

    def _line(self, line: str, calls: list[Call], depth: int) -> None:
        if not line:
            return
        if line[0] != "{":
            line = self._text(line, calls)
        rows, rest = decode(line)
        for row in rows:
            with self._counting():
                self._row(row, calls, depth)
        if rest:
            raise BadCall("invalid_json")

    def _text(self, line: str, calls: list[Call]) -> str:
        """Read a server's line; return the JSON object that stands behind a prefix, if one does."""
        try:
            if call := self.vllm.read(line):
                calls.append(call)
        except BadCall as reason:
            begin = line.find('{"')
            if str(reason) != "text_line" or begin < 0:
                raise
            if not any(f'"{hint}"' in line for hint in HINTS):
                raise
            return line[begin:]
        return ""

    def _row(self, row: dict[str, Any], calls: list[Call], depth: int) -> None:
        if is_known(row):
            self._known(row, calls)
        elif row.keys() <= DOCKER and "log" in row:
            self._line((self.container.row(row) or "").strip(), calls, depth + 1)
        elif known := inside(row, is_known):
            self._known(known, calls)
        elif HINTS & row.keys() or inside(row, lambda one: bool(HINTS & one.keys())):
            raise BadCall("unknown_shape")
        elif (text := self.container.row(row)) is not None and depth < DEEPEST:
            self._line(text.strip(), calls, depth + 1)
        else:
            raise BadCall("other_row")

    def _known(self, row: dict[str, Any], calls: list[Call]) -> None:
        if "startTime" in row and "call_type" in row:
            calls.append(from_litellm(row))
        elif any(signal in row for signal in SIGNALS):
            self._telemetry(row, calls)
        elif "start_time" in row:
            calls.append(from_span(row))
        else:
            self._own(row, calls)

    def _telemetry(self, row: dict[str, Any], calls: list[Call]) -> None:
        parts = list(parts_of(row))
        if not parts:
            raise BadCall("other_call")  # metrics
        for part in parts:
            with self._counting():  # of the next span nothing is wrong yet
                calls.append(from_span(part))

    def _own(self, row: dict[str, Any], calls: list[Call]) -> None:
        """Read a row of our format; join the chunks of an answer that was logged as it streamed."""
        if (
            identity(row.get("request_id")) in self.ended
            and at(row.get("response"), "choices") == []
        ):
            raise BadCall("other_line")  # the tokens used, after the last chunk
        if "request" not in row and (begun := self.streams.get(identity(row.get("request_id")))):
            asked = {"request": {"messages": begun.messages}, "time": begun.time}
            row = asked | row  # a later chunk, whose line has no request
        call = from_row(row)
        if not call.part:
            calls.append(call)
            return
        if before := self.streams.pop(call.id, None):
            before.answer += call.answer
            before.finish, before.latency_ms = call.finish, call.latency_ms
            call = before
        self.streams[call.id] = call
        if call.finish or len(self.streams) > WAITING:
            oldest = call.id if call.finish else next(iter(self.streams))
            calls.append(self.streams.pop(oldest))
            self.ended[oldest] = None

    @contextmanager
    def _counting(self) -> Iterator[None]:
        """Count what is no call by its reason, and go on."""
        try:
            yield
        except BadCall as reason:
            self.skipped[str(reason)] += 1
        except RecursionError:  # JSON in JSON without end
            self.skipped["bad_shape"] += 1
