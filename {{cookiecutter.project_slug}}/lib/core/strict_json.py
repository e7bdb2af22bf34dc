"""Parse JSON strictly: an object that repeats a key is an error.

Python silently keeps the last value, others the first: one of the two would be lost."""

import json
from typing import Any

import orjson


class Doubled(dict[str, Any]):
    """An object in which a key appears twice."""


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


DECODER = json.JSONDecoder(object_pairs_hook=noting)  # json.loads would build one each time
ONCE = json.JSONDecoder(object_pairs_hook=once)


def parse(text: str) -> Any:
    """Parse any JSON value; raise ValueError where it is invalid or an object names a key twice."""
    return ONCE.decode(text)


UNSURE = object()
LARGE = 2.0**63  # beyond, orjson turns an integer into a float
DEEPEST = 100  # levels of nesting; later code that recurses meets Python's own limit
# A key that does not end in a quote right before its colon, or an escaped quote.
LOOSE = (b" :", b"\t:", b"\n:", b"\r:", rb'\\":')


def quick(raw: bytes) -> Any:
    """Parse an object by orjson; return UNSURE where the json module might give another result.

    That is where orjson refuses (NaN, lone surrogates, other encodings), where it rounds a large
    integer, and where keys are repeated: then more keys are written than the object has.
    """
    try:
        value = orjson.loads(raw)
    except ValueError:
        return UNSURE
    if type(value) is not dict:
        return UNSURE
    for sign in LOOSE:
        if sign in raw:
            return UNSURE
    written = raw.count(b'":') - raw.count(rb"\":")
    return value if count_keys(value) == written else UNSURE


def count_keys(value: dict[str, Any]) -> int:
    """Count the keys of all objects in a value; -1 if it is too deep or may have been rounded."""
    count = 0
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        below = list[Any]()
        for one in level:
            if type(one) is dict:
                count += len(one)
                one = one.values()
            for part in one:
                if type(part) is dict or type(part) is list:
                    below.append(part)
                elif type(part) is float and not -LARGE < part < LARGE:
                    return -1
        if not below:
            return count
        level = below
    return -1


def loads(line: str | bytes) -> Any:
    """Parse a line of records; raise ValueError where it is not JSON, or not UTF-8.

    Numbers occur only in tools and their calls; those lines go to json, which rounds none.
    """
    if (b'"tool' if isinstance(line, bytes) else '"tool') not in line:  # type: ignore[operator]
        try:
            return orjson.loads(line)
        except ValueError:
            pass
    return json.loads(line.decode() if isinstance(line, bytes) else line)
