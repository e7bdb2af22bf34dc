"""Read times, ids and attributes of OpenTelemetry's spans and log records."""

import re
from typing import Any

from lib.monitoring.fields import BadCall, at, items, text, timestamp

_WHOLE = re.compile(r"-?\d{1,19}")


def span_times(span: Any) -> tuple[float, float | None]:
    """Return start and end; an event has only one time."""
    start, end = (
        at(span, f"{side}TimeUnixNano")
        or at(span, f"{side}_time")
        or at(span, f"{side}_time_unix_nano")  # MLflow's
        for side in ("start", "end")
    )
    start = start or at(span, "timeUnixNano") or at(span, "observedTimeUnixNano")
    return timestamp(start), timestamp(end) if end else None


def span_key(span: Any) -> str:
    """Return the key that a span shares with its events."""
    ids = (("traceId", "trace_id"), ("spanId", "span_id"))
    return "".join(
        text(at(span, otlp) or at(span, "context", sdk) or at(span, sdk)) for otlp, sdk in ids
    )


def is_span(row: dict[str, Any]) -> bool:
    """Tell whether an object is a span as written by an SDK."""
    timed = {"start_time", "end_time"} <= row.keys() or "start_time_unix_nano" in row
    return timed and "attributes" in row


def attributes(span: Any) -> dict[str, Any]:
    """Return the attributes of a span and of its events, which may have the content."""
    values: dict[str, Any] = {}
    for holder in (span, *items(at(span, "events"))):
        held = at(holder, "attributes")
        values |= held if isinstance(held, dict) else _plain(items(held))
    return values


def _plain(pairs: list[Any]) -> dict[str, Any]:
    return {text(at(one, "key")): value_of(at(one, "value")) for one in pairs}


def value_of(value: Any) -> Any:
    """Convert OTLP's AnyValue to a plain value; an empty one is None."""
    for kind, held in (value or {}).items() if isinstance(value, dict | None) else [(None, None)]:
        match kind:
            case "arrayValue":
                return [value_of(one) for one in items(at(held, "values"))]
            case "kvlistValue":
                return _plain(items(at(held, "values")))
            case "intValue":  # OTLP/JSON writes integers as strings
                return int(held) if isinstance(held, str) and _WHOLE.fullmatch(held) else held
            case "stringValue" | "doubleValue" | "boolValue" | "bytesValue":
                return held
            case _:
                raise BadCall("bad_shape")
    return None
