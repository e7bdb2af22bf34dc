"""How many tokens a request took, by the names that each API has for them."""

from collections.abc import Iterator
from typing import Any

from lib.monitoring.fields import count

INPUT = (
    *("prompt_tokens", "input_tokens", "inputTokens", "promptTokenCount", "prompt_eval_count"),
    *("inputTokenCount", "tokens_in", "promptTokens", "input"),
)
OUTPUT = (
    *("completion_tokens", "output_tokens", "outputTokens", "candidatesTokenCount", "eval_count"),
    *("outputTokenCount", "tokens_out", "completionTokens", "output"),
)
_TEXTS = ("input", "output")  # Langfuse's, where they are numbers; elsewhere what was said
HOLDERS = ("usage", "usageMetadata", "usageDetails", "llm_output", "token_usage")


def tokens_of(*places: Any) -> tuple[int | None, int | None]:
    """Return tokens of prompt and answer as the first place says that says them."""
    held = [one for place in places for one in _holders(place)]
    return _first(held, INPUT), _first(held, OUTPUT)


def _holders(place: Any) -> Iterator[dict[str, Any]]:
    """Yield what may hold numbers of tokens: what stands in a place for usage, and the place."""
    if isinstance(place, dict):
        for key in HOLDERS:
            yield from _holders(place.get(key))
        yield place


def _first(held: list[dict[str, Any]], names: tuple[str, ...]) -> int | None:
    for one in held:
        for name in names:
            value = one.get(name)
            if value is None or (name in _TEXTS and not isinstance(value, int | float)):
                continue
            if (found := count(value)) is not None:
                return found
    return None
