"""Read a log line by line; the format of each line is detected.

- our own format, and rows of gateways and tracers with other names (rows.py)
- LiteLLM (litellm.py)
- vLLM's text log (vllm_log.py), SGLang's JSON (sglang.py)
- OpenTelemetry (otel.py, events.py)
- access logs (access.py)

Any other line is counted by its reason, never dropped silently.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from lib.monitoring.access import Access, AccessLog, access_line, access_rows
from lib.monitoring.calls import Call
from lib.monitoring.events import Events, is_turn_event
from lib.monitoring.fields import BadCall
from lib.monitoring.frames import MOST_FRAMES, Container, decode, frame_time, inside, texts_inside
from lib.monitoring.hints import HINTS, QUOTED, has_texts, may_ask
from lib.monitoring.joined import Chunks
from lib.monitoring.litellm import from_litellm
from lib.monitoring.otel import from_span, is_telemetry, parts_of
from lib.monitoring.rows import completed_rows, is_row
from lib.monitoring.sglang import from_sglang, is_sglang
from lib.monitoring.spans import is_span, span_key
from lib.monitoring.vllm_log import VllmLog


def is_known(row: dict[str, Any]) -> bool:
    """Tell whether an object is a row of a supported format."""
    return bool(
        is_row(row)
        or ("startTime" in row and "call_type" in row)
        or is_telemetry(row)
        or is_sglang(row)
        or is_span(row)
    )


class LogReader:
    """Reads a log line by line, in any mix of formats."""

    def __init__(self, until: datetime, skipped: Counter[str]) -> None:
        self.skipped, self.container = skipped, Container()
        self.vllm, self.events, self.chunks = VllmLog(until, skipped), Events(), Chunks()
        self.access = AccessLog()
        self.failed = 0  # failed requests in lines of other formats

    def read(self, line: str) -> list[Call]:
        """Read a line; return the calls that it completes. Anything else is counted."""
        calls: list[Call] = []
        with self._counting():
            self._line(self.container.line(line), calls, 0)
        self.failed += sum(call.error is not None for call in calls)
        self.vllm.last = calls[-1].time if calls else self.vllm.last
        return calls

    def close(self) -> list[Call]:
        """End the file; return the calls with an unfinished streamed answer."""
        unanswered = self.vllm.close() + self.events.unanswered()
        self.failed += unanswered
        left = {"no_answer": unanswered, "invalid_json": self.container.unfinished()}
        self.skipped.update(+Counter(left))
        return self.chunks.rest()

    def failures(self) -> list[Call]:
        """Return the failures of an access log that no other line has reported, each once."""
        refused, told = self.access.failed, min(self.failed, len(self.access.failed))
        self.skipped.update(+Counter(other_line=told))
        self.access.failed, self.failed = [], 0
        return refused[told:]

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
        """Read a server's text line; return the JSON object after a prefix, if any."""
        try:
            if call := self.vllm.read(line):
                calls.append(call)
        except BadCall as reason:
            if str(reason) != "text_line":
                raise
            if access := access_line(line):
                self._accessed(access, line)
            elif (begin := line.find('{"')) >= 0 and any(f'"{hint}"' in line for hint in HINTS):
                return line[begin:]
            elif QUOTED.search(line):
                raise BadCall("unknown_shape") from None
            else:
                raise
        return ""

    def _row(self, row: dict[str, Any], calls: list[Call], depth: int) -> None:
        if is_known(row):
            self._known(row, calls)
        elif self.container.is_frame(row):
            self._carried(row, calls, depth)
        elif found := list(inside(row, is_known)) or list(completed_rows(row)):
            for known in found:
                with self._counting():
                    self._known(known, calls)
        elif lines := list(access_rows(row)):
            for access, said in lines:
                with self._counting():
                    self._accessed(access, said, texts=any(inside(row, has_texts)))
        elif may_ask(row) or any(inside(row, may_ask)):
            raise BadCall("unknown_shape")
        else:
            self._carried(row, calls, depth)

    def _accessed(self, found: Access, line: str, *, texts: bool = False) -> None:
        """Add a line of an access log."""
        if texts and found.status < 400:
            raise BadCall("unknown_shape")
        self.access.add(found, line, self.vllm.last)
        if found.status < 400:
            raise BadCall("other_line")

    def _carried(self, row: dict[str, Any], calls: list[Call], depth: int) -> None:
        """Read the line inside a row, or the lines inside a page of rows."""
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
        elif is_sglang(row):
            calls.append(from_sglang(row))
        elif is_telemetry(row):
            self._telemetry(row, calls)
        elif is_span(row):
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
        """Count a BadCall raised in the block by its reason."""
        try:
            yield
        except BadCall as reason:
            self.skipped[str(reason)] += 1
        except RecursionError:  # endlessly nested JSON
            self.skipped["bad_shape"] += 1
