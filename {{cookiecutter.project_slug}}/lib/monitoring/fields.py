"""Read values from the JSON of logs, whatever its shape; all formats use these functions.

A value of a wrong type raises BadCall, and the line is counted under its reason.
"""

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

EARLIEST, LATEST_NS = 1e9, 1e19  # September 2001 in seconds, November 2286 in nanoseconds
PER_SECOND = (1, 1e3, 1e6, 1e9)  # seconds, milli-, micro-, nanoseconds
_MOST = 1e15  # a larger number is damaged
NUMBER = re.compile(r"-?\d{1,19}(?:\.\d{1,19})?")


class BadCall(Exception):
    """A line is not a usable request; the message is the reason by which it is counted."""


def at(value: Any, *path: str | int) -> Any:
    """Return the JSON value at these keys and indices; None if missing."""
    for step in path:
        if value is None:
            return None
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list):
            value = value[step] if step < len(value) else None
        else:
            raise BadCall("bad_shape")
    return value


def items(value: Any) -> list[Any]:
    """Return a list; [] if missing."""
    if not isinstance(value, list | None):
        raise BadCall("bad_shape")
    return value or []


def text(value: Any) -> str:
    """Return a string; "" if missing.

    A lone surrogate cannot be written and becomes a ?.
    """
    if not isinstance(value, str | None):
        raise BadCall("bad_shape")
    if not value or value.isascii():
        return value or ""
    return value.encode("utf-8", "replace").decode()


def decoded(value: Any) -> Any:
    """Decode JSON text in place of an object or a list.

    Anything else is returned unchanged.
    """
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def number(value: Any) -> float | None:
    """Return a non-negative number, or None.

    A negative or infinite number is a gateway's "unknown", and gives None.
    """
    if isinstance(value, str) and NUMBER.fullmatch(value):
        value = float(value)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadCall("bad_shape")
    if not isfinite(value) or value < 0:
        return None
    if value > _MOST:
        raise BadCall("bad_shape")
    return float(value)


def count(value: Any) -> int | None:
    """Return an integer, or None."""
    found = number(value)
    return None if found is None else int(found)


def id_text(value: Any) -> str:
    """Return an id as text; some gateways write a number, MongoDB an object."""
    if isinstance(value, dict) and set(value) == {"$oid"}:
        value = value["$oid"]
    return str(value) if type(value) is int else text(value)


def timestamp(value: Any) -> float:
    """Convert a text or number to seconds since 1970; raise BadCall if it is not a time.

    The unit of a number is the only one in which it is a time between 2001 and 2286.
    """
    if isinstance(value, dict) and set(value) == {"$date"}:  # as MongoDB exports it
        value = value["$date"]
    if isinstance(value, str):
        value = float(value) if NUMBER.fullmatch(value) else iso_time(value)
    if not isinstance(value, bool) and isinstance(value, int | float) and abs(value) < LATEST_NS:
        for per_second in PER_SECOND:
            if EARLIEST <= value / per_second < 10 * EARLIEST:
                return value / per_second
    raise BadCall("no_time")


def iso_time(value: str) -> float:
    """Convert a time in ISO 8601, RFC 5322 or access log format to seconds since 1970.

    It is UTC if there is no zone.
    """
    value = re.sub(r" ?(?:UTC|GMT)$", "+00:00", value.strip())
    for read in (datetime.fromisoformat, _slashes, _common_log, _mail_date):
        try:
            moment = read(value)
        except (ValueError, IndexError):
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    raise BadCall("no_time")


def _slashes(value: str) -> datetime:
    return datetime.fromisoformat(re.sub(r" - |\t", " ", value).replace("/", "-"))


def _common_log(value: str) -> datetime:
    """Read a time such as 16/Nov/2026:08:00:00 +0000."""
    moment, _, zone = value.partition(" ")
    read = datetime.strptime(moment.partition(".")[0], "%d/%b/%Y:%H:%M:%S")
    return read.replace(tzinfo=datetime.strptime(zone, "%z").tzinfo if zone else UTC)


def _mail_date(value: str) -> datetime:
    return parsedate_to_datetime(value.removesuffix("+00:00"))  # Sun, 16 Nov 2025 ...


def lapse_ms(start: float, end: float | None) -> float | None:
    """Return the milliseconds between two times; None if negative (the clock was set back)."""
    return (end - start) * 1000 if end is not None and end >= start else None


def read_error(value: Any) -> str | None:
    """Read an error: a text, or OpenAI's object with a message.

    Empty or false values give None.
    """
    if not value:
        return None
    said = value.get("message") if isinstance(value, dict) else value
    return text(said if said and isinstance(said, str) else json.dumps(value, ensure_ascii=False))
