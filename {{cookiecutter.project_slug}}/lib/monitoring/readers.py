"""Logs of gateways and servers as calls; which one wrote a line is told by the line.

- our own format (calls.py)
- LiteLLM: its StandardLoggingPayload, an object a line, as its S3, GCS and file loggers write it
- vLLM: the text log of `vllm serve --enable-log-requests --enable-log-outputs`; the prompt is in it
  where the log level is DEBUG (in older versions always), else only the answer's side is known
- OpenTelemetry: OTLP/JSON, as the collector's file exporter writes it, with GenAI spans that hold
  gen_ai.input.messages and gen_ai.output.messages (semantic conventions 1.37 and later)

A vLLM request and its answer are two lines: up to WAITING requests wait for theirs.
"""

import ast
import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from lib.errors import UserError
from lib.monitoring.calls import (
    BadCall,
    Call,
    content,
    first_choice,
    from_row,
    number,
    read_messages,
    text,
    timestamp,
)
from lib.records import Message

WAITING = 10_000
CHATML = re.compile(r"<\|im_start\|>(\w+)\n(.*?)<\|im_end\|>", re.DOTALL)
STAMP = re.compile(r"\b(?:INFO|DEBUG) (?:(\d{4})-)?(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)\b")
QUOTED = r"(None|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"  # as Python's repr writes a text
ASKED = re.compile(
    rf"\b(?:Received request|Request) (\S+?)(?: details)?: (?:.*?\bprompt: {QUOTED})?"
)
ANSWERED = re.compile(
    rf"\bGenerated response (\S+?)(?: \(streaming (delta|complete)\))?: output: {QUOTED}"
    r".*?finish_reason: (\w+)"
)


def read_calls(paths: Iterable[Path], skipped: Counter[str]) -> Iterator[Call]:
    """Every call in the files, in order; lines that are none are counted in `skipped` by reason."""
    for path in paths:
        yield from _read_file(path, skipped)


def _read_file(path: Path, skipped: Counter[str]) -> Iterator[Call]:
    year = datetime.fromtimestamp(path.stat().st_mtime, UTC).year
    vllm = VllmLog(year, skipped)
    try:
        with _open(path) as file:
            for line in file:
                yield from read_line(line, vllm, skipped)
    except (EOFError, gzip.BadGzipFile) as error:
        raise UserError(f"{path}: cannot be read ({error}); put a whole file there") from None
    vllm.close()


def _open(path: Path) -> TextIO:
    """A log file, plain or gzip. Bytes that are not UTF-8 become U+FFFD: a log is never perfect."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if packed:
        return gzip.open(path, "rt", encoding="utf-8", errors="replace")
    return path.open(encoding="utf-8", errors="replace")


def read_line(line: str, vllm: "VllmLog", skipped: Counter[str]) -> Iterator[Call]:
    """The calls of a line, of OTLP several; a line that is none is counted in `skipped`."""
    try:
        if line.startswith("{"):
            yield from _read_object(line)
        elif line.strip() and (call := vllm.read(line)):
            yield call
    except BadCall as reason:
        skipped[str(reason)] += 1


def _read_object(line: str) -> Iterator[Call]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise BadCall("invalid_json") from None
    if "request_id" in row:
        yield from_row(row)
    elif "resourceSpans" in row:
        yield from _spans(row)
    elif "startTime" in row and "call_type" in row:
        yield from_litellm(row)
    else:
        raise BadCall("unknown_shape")


def from_litellm(row: dict[str, Any]) -> Call:
    """A StandardLoggingPayload of LiteLLM's proxy or library."""
    response = row.get("response") if isinstance(row.get("response"), dict) else {}
    choice = first_choice(response or {})
    start, end = timestamp(row["startTime"]), number(row.get("endTime"))
    first = number(row.get("completionStartTime"))
    failed = row.get("status") == "failure"
    return Call(
        time=start,
        id=text(row.get("id")),
        model=text(row.get("model_group")) or text(row.get("model")),
        messages=read_messages(row.get("messages")),
        answer=content((choice.get("message") or {}).get("content")),
        finish=choice.get("finish_reason"),
        input_tokens=row.get("prompt_tokens"),
        output_tokens=row.get("completion_tokens"),
        latency_ms=(end - start) * 1000 if end else None,
        # Without streaming LiteLLM sets it to the end.
        ttft_ms=(first - start) * 1000 if first and first != end else None,
        cost=number(row.get("response_cost")),
        error=(text(row.get("error_str")) or "failed") if failed else None,
    )


def _spans(row: dict[str, Any]) -> Iterator[Call]:
    for resource in row["resourceSpans"]:
        for scope in resource.get("scopeSpans", []):
            for span in scope.get("spans", []):
                values = attributes(span)
                if values.get("gen_ai.operation.name") in ("chat", "text_completion"):
                    yield from_span(span, values)


def from_span(span: dict[str, Any], values: dict[str, Any]) -> Call:
    """An OpenTelemetry GenAI span whose content was captured."""
    if "gen_ai.input.messages" not in values:
        raise BadCall("span_without_messages")  # capturing content is off by default
    start = int(span["startTimeUnixNano"]) / 1e9
    outputs = _decoded(values.get("gen_ai.output.messages")) or [{}]
    finish = _decoded(values.get("gen_ai.response.finish_reasons")) or [None]
    failed = span.get("status", {}).get("code") in (2, "STATUS_CODE_ERROR")
    return Call(
        time=start,
        id=text(values.get("gen_ai.response.id")) or text(span.get("spanId")),
        model=text(values.get("gen_ai.response.model") or values.get("gen_ai.request.model")),
        messages=[
            Message(role=turn.get("role", "user"), content=_parts(turn))
            for turn in _decoded(values["gen_ai.input.messages"])
        ],
        answer=_parts(outputs[0]),
        finish=finish[0],
        input_tokens=values.get("gen_ai.usage.input_tokens"),
        output_tokens=values.get("gen_ai.usage.output_tokens"),
        latency_ms=int(span["endTimeUnixNano"]) / 1e6 - start * 1000,
        error=text(values.get("error.type")) or "failed" if failed else None,
    )


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    """A span's attributes as plain values, and those of its events: content may be on either."""
    held = [*span.get("attributes", [])]
    for event in span.get("events", []):
        held += event.get("attributes", [])
    return {one["key"]: _value(one["value"]) for one in held}


def _value(value: dict[str, Any]) -> Any:
    """OTLP's AnyValue as a plain value."""
    if "arrayValue" in value:
        return [_value(one) for one in value["arrayValue"].get("values", [])]
    if "kvlistValue" in value:
        return {one["key"]: _value(one["value"]) for one in value["kvlistValue"].get("values", [])}
    if "intValue" in value:
        return int(value["intValue"])
    return next(iter(value.values()), None)


def _decoded(value: Any) -> Any:
    """Structured attributes may be written as JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise BadCall("invalid_json") from None


def _parts(turn: dict[str, Any]) -> str:
    parts = turn.get("parts") or []
    return "\n".join(text(part.get("content")) for part in parts if part.get("type") == "text")


class VllmLog:
    """Joins the two lines that vLLM's log has of a request."""

    def __init__(self, year: int, skipped: Counter[str]) -> None:
        self.year, self.skipped = year, skipped  # the log's times have no year
        self.waiting: dict[str, tuple[float, str]] = {}

    def read(self, line: str) -> Call | None:
        """The call that a line completes, if it completes one."""
        if found := ANSWERED.search(line):
            return self._answered(found, self._time(line))
        if found := ASKED.search(line):
            key, prompt = found.group(1), found.group(2)
            start = self.waiting.pop(key, (self._time(line), ""))
            asked = ast.literal_eval(prompt) if prompt else None
            self.waiting[key] = (start[0], asked or start[1])
            if len(self.waiting) > WAITING:
                self.waiting.pop(next(iter(self.waiting)))
                self.skipped["no_answer"] += 1
        return None  # other lines of the server are no calls

    def _answered(self, found: re.Match[str], end: float) -> Call | None:
        key, stream, answer, finish = found.groups()
        if stream == "delta":
            return None
        if key not in self.waiting:
            raise BadCall("no_request")
        start, prompt = self.waiting.pop(key)
        if not prompt:
            raise BadCall("no_prompt")  # logged at level DEBUG only
        return Call(
            time=start,
            id=key,
            model="",
            messages=chatml(prompt),
            answer=ast.literal_eval(answer) or "",
            finish=None if finish == "None" else finish,
            latency_ms=(end - start) * 1000,  # to the second, as the log has it
        )

    def _time(self, line: str) -> float:
        if not (found := STAMP.search(line)):
            raise BadCall("no_time")
        year, month, day, hour, minute, second = (int(one or self.year) for one in found.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()

    def close(self) -> None:
        """The file is at its end: what still waits was never answered in it."""
        if self.waiting:
            self.skipped["no_answer"] += len(self.waiting)


def chatml(prompt: str) -> list[Message]:
    """The turns of a rendered chat; any other template's text is one turn of the user."""
    turns = [Message(role=role, content=said) for role, said in CHATML.findall(prompt)]
    return turns or [Message(role="user", content=prompt)]
