"""Logs of gateways and servers as calls; which one wrote a line is told by the line.

- our own format, and what gateways and tracers call by other names (rows.py)
- LiteLLM (litellm.py)
- vLLM's text log (vllm_log.py)
- OpenTelemetry (otel.py, events.py)
- access logs (access.py), for failures only

A line that is none of these is counted by its reason, never dropped silently.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from typing import Any

from lib.monitoring.access import failure_in_line, failure_in_row, is_access
from lib.monitoring.calls import Call
from lib.monitoring.events import Events, is_turn_event
from lib.monitoring.fields import BadCall
from lib.monitoring.frames import MOST_FRAMES, Container, decode, frame_time, inside, texts_inside
from lib.monitoring.joined import Chunks, Joined
from lib.monitoring.lines import log_lines
from lib.monitoring.litellm import from_litellm
from lib.monitoring.otel import from_span, is_telemetry, parts_of, span_key
from lib.monitoring.rows import is_row
from lib.monitoring.vllm_log import VllmLog

# What a sound log holds besides requests to the model.
NO_REQUEST = ("other_call", "other_line", "copy")
BESIDES = (
    "text_line",
    "other_row",
)  # sound in a file that has requests; else it was not understood
HINTS = {  # a row with one of these keys may be a request in a format that is not known
    *("messages", "prompt", "input", "output", "choices", "completion", "answer", "request_id"),
    *("inputs", "outputs", "contents", "candidates", "generations", "request_body"),
    *("requestMessages", "responseMessages", "response_body", "resource_spans"),
}
_QUOTED = re.compile(rf"""["'](?:{"|".join(sorted(HINTS))})\\?["']\s*:""")  # in a line of text


def read_logged_calls(paths: Iterable[Path], skipped: Counter[str]) -> Iterator[Call]:
    """Yield every call in the files once, in order; other lines are counted in `skipped` by reason.

    Copies are told by a hash of 8 bytes: a log that was rotated, compressed, sent again, or written
    by two loggers, of which one has times to the millisecond.
    """
    seen, joined = set[bytes](), Joined(skipped)
    read = (call for path in paths for call in _read_file(path, skipped))
    for ready in chain(map(joined.take, read), [None]):
        for call in joined.rest() if ready is None else ready:
            said = "\x00".join((call.id, str(int(call.time)), call.error or "", call.answer))
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
    if not found and not any(inside[reason] for reason in NO_REQUEST):
        inside["unknown_line"] = sum(inside.pop(reason, 0) for reason in BESIDES)
    skipped.update(+inside)


def is_known(row: dict[str, Any]) -> bool:
    """Tell whether an object is a row of a format that is read."""
    return bool(
        is_row(row)
        or ("startTime" in row and "call_type" in row)
        or is_telemetry(row)
        or ("attributes" in row and "start_time" in row and "end_time" in row)
    )


def may_ask(row: dict[str, Any]) -> bool:
    """Tell whether an object may be a request in a format that is not known."""
    return bool(HINTS & row.keys())


class LogReader:
    """Reads a log line by line, whichever of the formats each line is in."""

    def __init__(self, until: datetime, skipped: Counter[str]) -> None:
        self.skipped, self.container = skipped, Container()
        self.vllm, self.events, self.chunks = VllmLog(until, skipped), Events(), Chunks()
        self.refused: list[Call] = []  # of access logs: requests that failed
        self.failed = 0  # requests that failed by the other lines

    def read(self, line: str) -> list[Call]:
        """Return the calls that a line completes; anything else in it is counted."""
        calls: list[Call] = []
        with self._counting():
            self._line(self.container.line(line), calls, 0)
        self.failed += sum(call.error is not None for call in calls)
        self.vllm.last = calls[-1].time if calls else self.vllm.last
        return calls

    def close(self) -> list[Call]:
        """End the file; return the calls whose streamed answer did not end in it.

        So are the failures of an access log that no other line of the file tells of.
        """
        unanswered = self.vllm.close() + self.events.unanswered()
        told = min(self.failed + unanswered, len(self.refused))
        left = {"no_answer": unanswered, "invalid_json": self.container.unfinished()}
        self.skipped.update(+Counter(left | {"other_line": told}))
        return self.chunks.rest() + self.refused[told:]

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
            if str(reason) != "text_line":
                raise
            if call := failure_in_line(line, self.vllm.last):
                self.refused.append(call)
            elif (begin := line.find('{"')) >= 0 and any(f'"{hint}"' in line for hint in HINTS):
                return line[begin:]
            elif _QUOTED.search(line):
                raise BadCall("unknown_shape") from None
            else:
                raise
        return ""

    def _row(self, row: dict[str, Any], calls: list[Call], depth: int) -> None:
        if is_known(row):
            self._known(row, calls)
        elif self.container.is_frame(row):
            self._carried(row, calls, depth)
        elif found := list(inside(row, is_known)):
            for known in found:
                with self._counting():
                    self._known(known, calls)
        elif is_access(row):
            if not (call := failure_in_row(row, self.vllm.last)):
                raise BadCall("other_line")
            self.refused.append(call)
        elif may_ask(row) or any(inside(row, may_ask)):
            raise BadCall("unknown_shape")
        else:
            self._carried(row, calls, depth)

    def _carried(self, row: dict[str, Any], calls: list[Call], depth: int) -> None:
        """Read the line that a row carries, or the lines that a page of rows does."""
        if (text := self.container.row(row)) is not None:
            texts = [text]
        elif not (texts := list(texts_inside(row))):
            raise BadCall("other_row")
        self.vllm.framed = frame_time(row)
        for text in texts if depth < MOST_FRAMES else []:
            with self._counting():
                self._line(text.strip(), calls, depth + 1)
        self.vllm.framed = None

    def _known(self, row: dict[str, Any], calls: list[Call]) -> None:
        if "startTime" in row and "call_type" in row:
            calls.append(from_litellm(row))
        elif is_telemetry(row):
            self._telemetry(row, calls)
        elif "attributes" in row and "start_time" in row:
            self._span(row, calls)
        else:
            calls += self.chunks.take(row)

    def _telemetry(self, row: dict[str, Any], calls: list[Call]) -> None:
        parts = list(parts_of(row))
        if not parts:
            raise BadCall("other_call")  # metrics
        for part in parts:
            with self._counting():  # of the next span nothing is wrong yet
                self._span(part, calls)

    def _span(self, part: Any, calls: list[Call]) -> None:
        if is_turn_event(part):
            if call := self.events.take(part):
                calls.append(call)
                return
            raise BadCall("other_line")
        call = from_span(part)
        self.events.end(span_key(part))
        calls.append(call)

    @contextmanager
    def _counting(self) -> Iterator[None]:
        """Count what is no call by its reason, and go on."""
        try:
            yield
        except BadCall as reason:
            self.skipped[str(reason)] += 1
        except RecursionError:  # JSON in JSON without end
            self.skipped["bad_shape"] += 1
