"""Logs of gateways and servers as calls; which one wrote a line is told by the line.

- our own format (calls.py)
- LiteLLM: its StandardLoggingPayload, an object a line, as its S3, GCS and file loggers write it
- vLLM: the text log of `vllm serve --enable-log-requests --enable-log-outputs` (vllm_log.py)
- OpenTelemetry: OTLP/JSON, as the collector's file exporter writes it, with GenAI spans that hold
  gen_ai.input.messages and gen_ai.output.messages (semantic conventions 1.37 and later)
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from lib.monitoring.calls import Call, from_row
from lib.monitoring.fields import (
    BadCall,
    at,
    content,
    count,
    identity,
    items,
    lapse_ms,
    number,
    read_error,
    read_messages,
    text,
    timestamp,
)
from lib.monitoring.vllm_log import VllmLog
from lib.runtime.errors import UserError

COMPLETIONS = ("completion", "acompletion", "text_completion", "atext_completion")
DIGITS = re.compile(r"-?\d{1,19}")


def read_calls(paths: Iterable[Path], skipped: Counter[str]) -> Iterator[Call]:
    """Yield every call in the files, in order; other lines are counted in `skipped` by reason."""
    for path in paths:
        yield from _read_file(path, skipped)


def batches(calls: Iterable[Call], size: int) -> Iterator[list[Call]]:
    """Yield calls in batches."""
    waiting = iter(calls)
    while batch := list(islice(waiting, size)):
        yield batch


def _read_file(path: Path, skipped: Counter[str]) -> Iterator[Call]:
    vllm = VllmLog(datetime.fromtimestamp(path.stat().st_mtime, UTC), skipped)
    try:
        with _open(path) as file:
            for line in file:
                yield from read_line(line, vllm, skipped)
    except (EOFError, gzip.BadGzipFile) as error:
        raise UserError(
            f"{path}: cannot be read ({error}); replace it by a complete file"
        ) from None
    vllm.close()


def _open(path: Path) -> TextIO:
    """Open a log file, plain or gzip.

    Bytes that are not UTF-8 become U+FFFD: a log is never perfect.
    """
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if packed:
        return gzip.open(path, "rt", encoding="utf-8", errors="replace")
    return path.open(encoding="utf-8", errors="replace")


def read_line(line: str, vllm: VllmLog, skipped: Counter[str]) -> list[Call]:
    """Yield the calls of a line, of OTLP several; anything else is counted in `skipped`."""
    calls = []
    with counting(skipped):
        for read, part in _parts(line.strip("\ufeff \t\r\n"), vllm):
            with counting(skipped):  # of the next span nothing is wrong yet
                if call := read(part):
                    calls.append(call)
    return calls


@contextmanager
def counting(skipped: Counter[str]) -> Iterator[None]:
    """Count what is no call by its reason, and go on."""
    try:
        yield
    except BadCall as reason:
        skipped[str(reason)] += 1
    except RecursionError:  # JSON in JSON without end
        skipped["bad_shape"] += 1


def _parts(line: str, vllm: VllmLog) -> Iterator[tuple[Callable[[Any], Call | None], Any]]:
    """Yield what may be a call in a line, and what reads it."""
    if not line.startswith("{"):
        yield from [(vllm.read, line)] if line else []
        return
    row = _decoded(line)
    if "request_id" in row:
        yield from_row, row
    elif "resourceSpans" in row:
        yield from ((from_span, span) for span in _spans(row))
    elif "startTime" in row and "call_type" in row:
        yield from_litellm, row
    else:
        raise BadCall("unknown_shape")


def from_litellm(row: dict[str, Any]) -> Call:
    """Read a StandardLoggingPayload of LiteLLM's proxy or library."""
    if text(row["call_type"]) not in COMPLETIONS:
        raise BadCall("other_call")
    response = row.get("response") if isinstance(row.get("response"), dict) else None
    start, end, first = (
        timestamp(row[key]) if row.get(key) else None
        for key in ("startTime", "endTime", "completionStartTime")
    )
    if start is None:
        raise BadCall("no_time")
    failed = row.get("status") == "failure"
    return Call(
        time=start,
        id=identity(row.get("id")),
        model=text(row.get("model_group")) or text(row.get("model")),
        messages=read_messages(row.get("messages")),
        answer=content(at(response, "choices", 0, "message", "content")),
        finish=text(at(response, "choices", 0, "finish_reason")) or None,
        input_tokens=count(row.get("prompt_tokens")),
        output_tokens=count(row.get("completion_tokens")),
        latency_ms=lapse_ms(start, end),
        ttft_ms=lapse_ms(start, None if first == end else first),  # not streamed: set to the end
        cost=number(row.get("response_cost")),
        error=(read_error(row.get("error_str")) or "failed") if failed else None,
    )


def _spans(row: Any) -> Iterator[Any]:
    for resource in items(row["resourceSpans"]):
        for scope in items(at(resource, "scopeSpans")):
            yield from items(at(scope, "spans"))


def from_span(span: Any) -> Call:
    """Read an OpenTelemetry GenAI span whose content was captured."""
    values = attributes(span)
    if values.get("gen_ai.operation.name") not in ("chat", "text_completion"):
        raise BadCall("other_call")
    if "gen_ai.input.messages" not in values:
        raise BadCall("span_without_messages")  # capturing content is off by default
    start = nanoseconds(at(span, "startTimeUnixNano"))
    asked = items(_decoded(values["gen_ai.input.messages"]))
    turns = [{"role": at(turn, "role") or "user", "content": said(turn)} for turn in asked]
    failed = at(span, "status", "code") in (2, "STATUS_CODE_ERROR")
    return Call(
        time=start,
        id=identity(values.get("gen_ai.response.id")) or text(at(span, "spanId")),
        model=text(values.get("gen_ai.response.model") or values.get("gen_ai.request.model")),
        messages=read_messages(turns),
        answer=said(at(_decoded(values.get("gen_ai.output.messages")), 0)),
        finish=text(at(_decoded(values.get("gen_ai.response.finish_reasons")), 0)) or None,
        input_tokens=count(values.get("gen_ai.usage.input_tokens")),
        output_tokens=count(values.get("gen_ai.usage.output_tokens")),
        latency_ms=lapse_ms(start, nanoseconds(at(span, "endTimeUnixNano"))),
        error=text(values.get("error.type")) or "failed" if failed else None,
    )


def nanoseconds(value: Any) -> float:
    """Read a time of OTLP, whose JSON has whole numbers as texts."""
    return timestamp(whole(value))


def whole(value: Any) -> Any:
    """Convert a text of digits to its number; leave anything else as it is."""
    return int(value) if isinstance(value, str) and DIGITS.fullmatch(value) else value


def attributes(span: Any) -> dict[str, Any]:
    """Return the attributes of a span and of its events as plain values.

    Content may be on either.
    """
    held = [*items(at(span, "attributes"))]
    for event in items(at(span, "events")):
        held += items(at(event, "attributes"))
    return _plain(held)


def _plain(pairs: list[Any]) -> dict[str, Any]:
    return {text(at(one, "key")): _value(at(one, "value")) for one in pairs}


def _value(value: Any) -> Any:
    """Convert OTLP's AnyValue to a plain value."""
    if array := at(value, "arrayValue"):
        return [_value(one) for one in items(at(array, "values"))]
    if pairs := at(value, "kvlistValue"):
        return _plain(items(at(pairs, "values")))
    return whole(at(value, "intValue")) or next(iter((value or {}).values()), None)


def _decoded(value: Any) -> Any:
    """Decode structured attributes that are written as JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise BadCall("invalid_json") from None


def said(turn: Any) -> str:
    """Join the text of a GenAI message's parts."""
    parts = [part for part in items(at(turn, "parts")) if at(part, "type") == "text"]
    return "\n".join(text(at(part, "content")) for part in parts)
