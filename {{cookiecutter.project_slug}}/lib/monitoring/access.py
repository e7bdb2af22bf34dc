"""Access logs: the lines in which a server or a proxy says how it answered, without any text.

A request that failed before it reached the model is often in no other line.
"""

import re
from datetime import datetime
from hashlib import blake2b
from typing import Any

from lib.monitoring.calls import Call
from lib.monitoring.fields import BadCall, iso_time, timestamp

ROUTE = r"/(?:chat/completions|completions|responses|messages|generate|generate_stream|api/chat)"
LINE = re.compile(rf'"POST \S*{ROUTE}(?:\?\S*)? HTTP/[\d.]+" (\d{{3}})\b')
_ASKED = re.compile(rf"(?:POST )?\S*{ROUTE}(?:\?\S*)?(?: HTTP/[\d.]+)?")
_COMMON = re.compile(r"\[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\]")  # nginx, Apache
ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*")
_STATUS = ("response_code", "status", "status_code", "statusCode")
PATH = ("path", "request", "uri", "request_uri", "url")
_TIME = ("start_time", "time", "timestamp", "@timestamp", "time_iso8601")


def is_access(row: dict[str, Any]) -> bool:
    """Tell whether an object is a line of an access log on a route that asks a model."""
    paths = (row[name] for name in PATH if isinstance(row.get(name), str))
    return any(name in row for name in _STATUS) and any(map(_ASKED.fullmatch, paths))


def failure_in_row(row: dict[str, Any], before: float) -> Call | None:
    """Return the request that failed; None where it succeeded."""
    status = next((row[name] for name in _STATUS if name in row), None)
    time = next((row[name] for name in _TIME if name in row), None)
    return _failure(str(status), repr(sorted(row.items(), key=str)), time or before)


def failure_in_line(line: str, before: float) -> Call | None:
    """Return the request that failed by a line; None where it is of no access log, or succeeded.

    before: the time of the line before, in seconds since 1970, where it has none of its own.
    """
    if not (found := LINE.search(line)):
        return None
    if common := _COMMON.search(line):
        time: Any = datetime.strptime(common.group(1), "%d/%b/%Y:%H:%M:%S %z").timestamp()
    else:
        time = iso.group() if (iso := ISO.search(line)) else before
    return _failure(found.group(1), line, time)


def _failure(status: str, line: str, time: Any) -> Call | None:
    if not status.isdecimal() or int(status) < 400:
        return None
    try:
        moment = timestamp(time) if not isinstance(time, str) else iso_time(time)
    except BadCall:
        raise BadCall("no_time") from None
    key = "access-" + blake2b(line.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return Call(moment, key, "", [], "", error=f"HTTP {status}")
