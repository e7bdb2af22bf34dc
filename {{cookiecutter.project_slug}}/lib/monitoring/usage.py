"""Read the token counts of a request, under each API's names."""

from collections.abc import Iterator
from typing import Any

from lib.monitoring.fields import count
from lib.monitoring.names import plain_name, plain_row

INPUT = (
    *("prompt_tokens", "input_tokens", "prompt_token_count", "prompt_eval_count", "prompt_token"),
    *("input_token_count", "tokens_in", "input", "prompt"),
)
OUTPUT = (
    *("completion_tokens", "output_tokens", "candidates_token_count", "eval_count"),
    *("completion_token", "output_token_count", "tokens_out", "output", "completion"),
)
_TEXTS = ("input", "output", "prompt", "completion")  # where they are no numbers, what was said
HOLDERS = (
    "usage",
    "usage_metadata",
    "usage_details",
    "llm_output",
    "token_usage",
    "metrics",
    "tokens",
)


def tokens_of(*places: Any) -> tuple[int | None, int | None]:
    """Return the tokens of prompt and answer, from the first place that has them."""
    held = [one for place in places for one in _holders(place)]
    return _first(held, INPUT), _first(held, OUTPUT)


def _holders(place: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects that may have token counts: the usage in a place, and the place itself."""
    if isinstance(place, dict):
        row = plain_row(place)
        for key in HOLDERS:
            yield from _holders(row.get(plain_name(key)))
        yield row


def _first(held: list[dict[str, Any]], names: tuple[str, ...]) -> int | None:
    for one in held:
        for name in names:
            value = one.get(plain_name(name))
            if value is None or (name in _TEXTS and not isinstance(value, int | float)):
                continue
            if (found := count(value)) is not None:
                return found
    return None
