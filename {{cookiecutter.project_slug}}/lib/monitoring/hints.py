"""Detect lines that may be requests in an unknown format, which must not be skipped silently."""

import re
from typing import Any

HINTS = {  # a row with one of these keys may be a request in an unknown format
    *("messages", "prompt", "input", "output", "choices", "completion", "answer", "request_id"),
    *("inputs", "outputs", "contents", "candidates", "generations", "request_body"),
    *("requestMessages", "responseMessages", "response_body", "resource_spans", "meta_info"),
}
QUOTED = re.compile(rf"""["'](?:{"|".join(sorted(HINTS))})\\?["']\s*:""")  # in a line of text


def may_ask(row: dict[str, Any]) -> bool:
    """Tell whether an object may be a request in an unknown format."""
    named = any(name in HINTS or name.rpartition(".")[2] in HINTS for name in row)
    return named or any(map(are_turns, row.values()))


def are_turns(value: Any) -> bool:
    """Tell whether a value is a list of turns."""
    first = value[0] if isinstance(value, list) and value else None
    return isinstance(first, dict) and "role" in first and bool({"content", "parts"} & first.keys())


def has_texts(row: dict[str, Any]) -> bool:
    """Tell whether an object contains texts of a request or an answer."""
    return may_ask({name: one for name, one in row.items() if name != "request_id"})
