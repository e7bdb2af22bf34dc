"""JSON objects that name a key twice. Python keeps what stands last and says nothing: what stands
first would be lost, and a reader that keeps the first would see another answer."""

import json
from typing import Any


class Doubled(dict[str, Any]):
    """An object of which a key stands twice."""


def noting(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For `object_pairs_hook` of json: the object, as Doubled where it is one."""
    value = dict(pairs)
    return value if len(value) == len(pairs) else Doubled(value)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For `object_pairs_hook` of json: the object; a ValueError where it is Doubled."""
    value = noting(pairs)
    if isinstance(value, Doubled):
        raise ValueError("a key appears twice in an object")
    return value


DECODER = json.JSONDecoder(object_pairs_hook=noting)  # made once: json.loads makes one each time
ONCE = json.JSONDecoder(object_pairs_hook=once)


def parse(text: str) -> Any:
    """Any JSON value; a ValueError where it is none or an object in it names a key twice."""
    return ONCE.decode(text)
