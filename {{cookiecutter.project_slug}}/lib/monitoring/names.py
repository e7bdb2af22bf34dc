"""Define the names that gateways, tracers and custom logs use for the values of a row.

Names are compared without case, `_` and `-`: requestId and RequestID are request_id. A duration is
read only if its name contains the unit.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from lib.monitoring.fields import number

TIME = (  # our own name first, here and below
    *("time", "timestamp", "start_time", "startTime", "request_created_at", "created_at"),
    *("started_at", "timestamp_ms", "requestedAt", "request_start_time", "start_ns"),
    *("logging_time", "time_generated", "ts", "datetime", "created"),
)
ENDED = ("end_time", "response_created_at", "ended_at", "request_end_time")
ID = ("request_id", "id", "correlation_id")
MODEL = (
    *("model", "model_id", "response_model", "request_model", "ai_model"),
    *("provided_model_name", "model_name"),
)
REQUEST = ("request", "request_body", "inputs", "input", "request_messages", "full_request")
RESPONSE = ("response", "response_body", "outputs", "output", "response_messages", "full_response")
COST = ("cost", "calculatedTotalCost", "total_cost")
STATUS = ("status_code", "response_status", "response_status_code", "status")
BODIES = ("body", "inputBodyJson", "outputBodyJson")  # inside a request or a response
_UNITS = {
    **{"ms": 1.0, "millis": 1.0, "milliseconds": 1.0, "s": 1e3, "sec": 1e3, "seconds": 1e3},
    **{"us": 1e-3, "ns": 1e-6},
}
_LATENCY = (
    *("latency", "duration", "elapsed", "execution_time", "response_time", "delay"),
    *("request_latency", "total_latency", "e2e_latency", "request_duration", "total_duration"),
)
_TTFT = ("ttft", "time_to_first_token", "first_token_latency")


@lru_cache(maxsize=4096)
def plain_name(name: str) -> str:
    """Normalize a name: no case, `_` or `-`."""
    return name.replace("_", "").replace("-", "").lower()


def plain_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with normalized names."""
    return {plain_name(name): value for name, value in row.items() if value is not None}


def first(row: Any, names: tuple[str, ...]) -> Any:
    """Return the value of the first of the names that the row has."""
    for name in names:
        if row.get(name) is not None:
            return row[name]
    held = plain_row(row)
    return next((held[name] for name in map(plain_name, names) if name in held), None)


def _with_units(words: Iterable[str]) -> dict[str, float]:
    """Map the names of a duration with its unit to milliseconds per unit."""
    return {plain_name(word) + unit: ms for word in words for unit, ms in _UNITS.items()}


LATENCIES, TTFTS = _with_units(_LATENCY), _with_units(_TTFT)


def milliseconds(row: dict[str, Any], names: dict[str, float]) -> float | None:
    """Return a duration in milliseconds; None if the row has none with a unit in its name."""
    for name, value in row.items():
        if value is not None and (ms := names.get(plain_name(name))):
            found = number(value)
            return None if found is None else found * ms
    return None
