"""Remove what shippers, container runtimes and log stores wrap around a line or a row."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from lib.monitoring.fields import BadCall, timestamp

COLOR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
CRI = re.compile(r"\d{4}-\d\d-\d\dT\S+ (stdout|stderr) ([FP])(?:$| (.*))", re.DOTALL)
DOCKER = {"log", "stream", "time", "attrs"}  # the keys of its json-file driver
MOST_FRAMES = 4  # nested frames around a row: a shipper's, a runtime's, ...
CARRIERS = (  # keys with a server's text
    *("log", "message", "MESSAGE", "msg", "line", "textPayload", "@message", "_raw"),
)
TIMES = ("time", "timestamp", "asctime", "@timestamp", "ts", "date")
CUT = ("logtag", "_p")  # by Fluent Bit: P where a part of a line follows, F where it ends
_DECODER = json.JSONDecoder()
_BETWEEN = re.compile(r"[\s,]*")  # two objects


def decode(line: str) -> tuple[list[Any], str]:
    """Return the JSON objects at the start of a line, and the rest of the line."""
    values, at = [], 0
    while at < len(line) and line[at] == "{":
        try:
            value, end = _DECODER.raw_decode(line, at)
        except (ValueError, RecursionError):
            break
        values.append(value)
        at = _BETWEEN.match(line, end).end()  # type: ignore[union-attr]  # matches always
    return values, line[at:]


def carried(row: Any) -> str | None:
    """Return the text inside a log shipper's row; None if there is none.

    Raises BadCall if journald omitted it: too long for `journalctl -o json` without --all.
    """
    if "MESSAGE" in row and row["MESSAGE"] is None:
        raise BadCall("no_text")
    if isinstance(row.get("MESSAGE"), list):  # journald's, of a text with colors, say
        try:
            return bytes(row["MESSAGE"]).decode("utf-8", "replace")
        except (TypeError, ValueError):
            raise BadCall("bad_shape") from None
    return next((row[key] for key in CARRIERS if isinstance(row.get(key), str)), None)


def inside(
    value: Any, wanted: Callable[[dict[str, Any]], bool], depth: int = MOST_FRAMES
) -> Iterator[dict[str, Any]]:
    """Yield the outermost objects in a row, or a page of rows, that are `wanted`.

    Objects may be encoded as text.
    """
    if depth < 0 or not isinstance(value, dict | list):
        return
    for held in value.values() if isinstance(value, dict) else value:
        one = _object(held)
        if isinstance(one, dict) and wanted(one):
            yield one
        else:  # a list does not count as a frame
            yield from inside(one, wanted, depth - (not isinstance(one, list)))


def _object(value: Any) -> Any:
    """Decode a text that begins with an object; return anything else unchanged."""
    if not isinstance(value, str) or value.lstrip()[:1] != "{":
        return value
    found, _ = decode(value.strip())
    return found[0] if found else None


def texts_inside(value: Any, depth: int = MOST_FRAMES) -> Iterator[str]:
    """Yield the texts in a page of rows, as returned by a log store's query.

    Loki's rows are pairs of time and line.
    """
    if depth < 0:
        return
    if isinstance(value, list) and len(value) == 2 and all(isinstance(one, str) for one in value):
        if value[0].isdecimal():
            yield value[1]
        return
    for one in value.values() if isinstance(value, dict) else value:
        if isinstance(one, dict) and (text := carried(one)) is not None:
            yield text
        elif isinstance(one, dict | list):
            yield from texts_inside(one, depth - (not isinstance(one, list)))


class Container:
    """Removes a container runtime's frame, and joins the parts of long lines."""

    def __init__(self) -> None:
        self.parts = defaultdict[str, str](str)  # of a stream, until the last part

    def line(self, line: str) -> str:
        """Return the line inside a CRI line (Kubernetes); "" until its last part."""
        line = COLOR.sub("", line).strip("\ufeff\x1e \t\r\n")
        if not (found := CRI.fullmatch(line)):
            return line
        stream, kind, part = found.groups(default="")
        self.parts[stream] += part
        return self.parts.pop(stream).strip() if kind == "F" else ""

    def row(self, row: dict[str, Any]) -> str | None:
        """Return the text inside Docker's or a shipper's row; "" until its last part."""
        text, where = carried(row), str(row.get("container_id") or row.get("stream"))
        if text is None:
            return None
        cut = next((row[key] for key in CUT if row.get(key) in ("P", "F")), None)
        if row.get("partial_message") == "true":  # of Docker's driver for Fluentd
            cut = "F" if row.get("partial_last") == "true" else "P"
        if cut is None and row.keys() <= DOCKER and "log" in row:
            cut = "F" if text.endswith("\n") else "P"
        if cut is None:
            return text or None
        self.parts["row " + where] += text
        return self.parts.pop("row " + where) if cut == "F" else ""

    def is_frame(self, row: dict[str, Any]) -> bool:
        """Tell whether a row is only a frame around a line, or around a part of one."""
        cut = row.get("partial_message") == "true" or any(row.get(key) in ("P", "F") for key in CUT)
        return bool(cut) or (row.keys() <= DOCKER and isinstance(row.get("log"), str))

    def unfinished(self) -> int:
        """Count the lines without their last part."""
        return sum(map(bool, self.parts.values()))


def frame_time(row: dict[str, Any]) -> float | None:
    """Return the time at which a shipper saw its line; None if missing."""
    for name in TIMES:
        try:
            return timestamp(row.get(name))
        except BadCall:
            continue
    return None
