"""JSON objects that name a key twice. Python keeps what stands last and says nothing: what stands
first would be lost, and a reader that keeps the first would see another answer."""

import json
from typing import Any


class Doubled(dict[str, Any]):
    """An object of which a key stands twice."""


def noting(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object, as Doubled where a key appears twice; for `object_pairs_hook` of json."""
    value = dict(pairs)
    return value if len(value) == len(pairs) else Doubled(value)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object; raise ValueError where a key appears twice; for `object_pairs_hook`."""
    value = noting(pairs)
    if isinstance(value, Doubled):
        raise ValueError("a key appears twice in an object")
    return value


DECODER = json.JSONDecoder(object_pairs_hook=noting)  # made once: json.loads makes one each time
ONCE = json.JSONDecoder(object_pairs_hook=once)


def parse(text: str) -> Any:
    """Parse any JSON value; raise ValueError where it is invalid or an object names a key twice."""
    return ONCE.decode(text)
