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
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

from lib.monitoring.calls import Call, from_row
from lib.monitoring.fields import BadCall, at, identity
from lib.monitoring.lines import Container, decode, log_lines
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
    *("messages", "prompt", "input", "request", "response", "choices", "output", "completion"),
    *("answer", "request_id"),
}
DEEPEST = 4  # frames around a row: a shipper's, a runtime's, ...


def read_calls(paths: Iterable[Path], skipped: Counter[str]) -> Iterator[Call]:
    """Yield every call in the files once, in order; other lines are counted in `skipped` by reason.

    Copies are told by a hash of 8 bytes: a log that was rotated, compressed or sent again.
    """
    seen = set[bytes]()
    for path in paths:
        for call in _read_file(path, skipped):
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
        if "startTime" in row and "call_type" in row:
            calls.append(from_litellm(row))
        elif any(signal in row for signal in SIGNALS):
            self._telemetry(row, calls)
        elif "attributes" in row and "start_time" in row:
            calls.append(from_span(row))
        elif "request" in row and ("request_id" in row or "time" in row):
            self._own(row, calls)
        elif (inner := self.container.row(row)) is not None and depth < DEEPEST:
            if isinstance(inner, str):
                self._line(inner.strip(), calls, depth + 1)
            else:
                self._row(inner, calls, depth + 1)
        else:
            raise BadCall("unknown_shape" if row.keys() & HINTS else "other_row")

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
