"""Read access logs: a server's or proxy's line per request, with a status but without texts.

A request that failed before it reached the model is often in no other log. Supported are uvicorn,
nginx, Apache, Envoy, HAProxy, AWS (load balancers, CloudFront), Ollama (gin), llama-server, Ray
Serve and TGI, and JSON of any proxy that names the route and a status (Traefik, Caddy, Kong,
Cloudflare, Azure, ...).
"""

import re
from array import array
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

from lib.monitoring.calls import Call
from lib.monitoring.fields import BadCall, timestamp
from lib.monitoring.frames import inside
from lib.monitoring.names import MODEL, first, plain_name

ROUTE = (  # routes of requests to a model
    r"(?:/(?:chat/completions|completions|generate|generate_stream|api/chat)"
    r"|/v1\w*/(?:messages|responses)|/openai/responses|:(?:streamG|g)enerateContent"
    r"|/model/[^/ ]+/(?:converse|invoke)(?:-stream|-with-response-stream)?)(?:\?\S*)?"
)
_ASKED = re.compile(
    rf"(?:POST )?\S*{ROUTE}(?: HTTP/[\d.]+)?|/?chat/completions|ChatCompletions_\w+"
)
_TGI = "text_generation_router"
_POST = rf'"POST \S*{ROUTE} HTTP/[\d.]+"'
LINES = tuple(
    re.compile(pattern)
    for pattern in (
        # uvicorn, nginx, Apache, Envoy, llama-server, Ray Serve; CloudFront has a host before
        rf"\bPOST\s+(?:\S+\t)?\S*{ROUTE}(?:\s\S+)?\s(\d{{3}})\b",
        rf" (\d{{3}}) \d+ \S+ \S+ \S{{4}} \S+ \S+ (?:\{{[^}}]*\}} )*{_POST}",  # HAProxy
        rf" (\d{{3}}) (?:\d{{3}}|-) \d+ \d+ {_POST}",  # AWS load balancers
        rf'\[GIN\].*\| (\d{{3}}) \|.*\| POST +"\S*{ROUTE}"',  # Ollama
        rf"{_TGI}.*: (Success|Request failed)\b",
    )
)
_SAID = {"Success": 200, "Request failed": 500}  # by TGI
ISO = re.compile(r"\d{4}[-/]\d\d[-/]\d\d(?:[T \t]| - )\d\d:\d\d:\d\d\S*")
_COMMON = re.compile(r"\[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d(?:\.\d+)?(?: [+-]\d{4})?)\]")
# The status that the client got comes first.
_STATUS = ("response_code", "status", "status_code", "DownstreamStatus", "result_signature")
_TIME = (
    *("start_time", "time", "timestamp", "@timestamp", "time_iso8601", "StartUTC", "started_at"),
    *("ts", "created_at", "request_time", "time_local"),
)
_DEPTH = 3  # of objects in a row: request.headers.host


class Access(NamedTuple):
    """A request to a model in an access log."""

    time: float | None  # seconds since 1970; None if the line has no time
    status: int
    model: str = ""


def access_row(row: dict[str, Any]) -> Access | None:
    """Read a JSON line; None unless it is an access log line of a request to a model."""
    held = dict(_plain_values(row, _DEPTH))
    time = _first_time([held.get(plain_name(name)) for name in _TIME])
    if str(held.get("target")).startswith(_TGI):
        said = access_line(f"{_TGI}: {held.get('message')}")
        return said and said._replace(time=time)
    asks = any(isinstance(value, str) and _ASKED.fullmatch(value) for value in held.values())
    method = str(held.get("method") or held.get("requestmethod") or "POST").upper()
    found = [str(held[name]) for name in map(plain_name, _STATUS) if name in held]
    status = next((one for one in found if re.fullmatch(r"\d{3}", one)), None)
    if not (asks and status and method == "POST"):
        return None
    model = first(held, MODEL)
    return Access(time, int(status), model if isinstance(model, str) else "")


def access_rows(row: dict[str, Any]) -> Iterator[tuple[Access, str]]:
    """Yield the access log lines in a row or a page of rows, each with its text."""
    for one in [row] if access_row(row) else inside(row, lambda held: access_row(held) is not None):
        if found := access_row(one):
            yield found, repr(sorted(one.items(), key=str))


def access_line(line: str) -> Access | None:
    """Read a line of text; None if it is not from an access log."""
    found = next((one for pattern in LINES if (one := pattern.search(line))), None)
    if not found:
        return None
    status = _SAID.get(found[1]) or int(found[1])
    common, iso = _COMMON.search(line), ISO.search(line)
    return Access(_first_time([common and common[1], iso and iso[0]]), status)


def _plain_values(row: dict[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    """Yield names and values of a row and its nested objects, those of the row last."""
    for value in row.values():
        if isinstance(value, dict) and depth:
            yield from _plain_values(value, depth - 1)
    for name, value in row.items():
        if isinstance(value, str | int | float):
            yield plain_name(name), value


def _first_time(values: list[Any]) -> float | None:
    for value in values:
        try:
            return timestamp(value)
        except BadCall:
            continue
    return None


class AccessLog:
    """The requests in the access log of a file: failures as calls, others as times and ids.

    A line without a time gets that of the line before. Its id is a hash of the line and the number
    of equal lines before it, so that a copy of the file has the same ids.
    """

    def __init__(self) -> None:
        self.failed: list[Call] = []
        self.times, self.ids = array("d"), array("Q")  # of the answered requests
        self._like = Counter[bytes]()

    def add(self, found: Access, line: str, before: float) -> None:
        """Add a parsed line."""
        like = blake2b(line.encode("utf-8", "replace"), digest_size=8).digest()
        self._like[like] += found.time is None
        number = self._like[like].to_bytes(8, "big")
        key = int.from_bytes(blake2b(like + number, digest_size=8).digest(), "big")
        time = before if found.time is None else found.time
        if found.status >= 400:
            self.failed.append(_call(time, key, found.model, error=f"HTTP {found.status}"))
        else:
            self.times.append(time)
            self.ids.append(key)

    def answered(self) -> Iterator[Call]:
        """Yield the answered requests as calls without texts."""
        for time, key in zip(self.times, self.ids, strict=True):
            yield _call(time, key, "", withheld=True)


def _call(time: float, key: int, model: str, **more: Any) -> Call:
    return Call(time, f"access-{key:016x}", model, [], "", **more)
