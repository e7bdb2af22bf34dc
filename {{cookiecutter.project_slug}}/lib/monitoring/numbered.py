"""Convert span attributes of OpenLLMetry and OpenInference to OpenTelemetry's names.

They number the turns: gen_ai.prompt.0.content, llm.input_messages.0....
"""

import re
from itertools import count as counting
from typing import Any

from lib.monitoring.sdks import of_sdks

NUMBERED = {
    "gen_ai.input.messages": ("gen_ai.prompt", "llm.input_messages"),
    "gen_ai.output.messages": ("gen_ai.completion", "llm.output_messages"),
}
_WHOLE = {  # a single attribute with everything: 1.27's, OpenInference's of an LLM span
    "gen_ai.input.messages": ("gen_ai.prompt", "input.value"),
    "gen_ai.output.messages": ("gen_ai.completion", "output.value"),
}
_SAME = {
    "gen_ai.request.model": "llm.model_name",
    "gen_ai.usage.input_tokens": "llm.token_count.prompt",
    "gen_ai.usage.output_tokens": "llm.token_count.completion",
}
TOOL = re.compile(r"(?:message\.)?tool_calls\.(\d+)\.(?:tool_call\.function\.)?(name|arguments)")
_PART = re.compile(r"(?:message\.)?contents?\.\d+\.(?:message_content\.)?text")


def as_genai(values: dict[str, Any]) -> dict[str, Any]:
    """Add attributes of other conventions under OpenTelemetry's names; nothing is replaced."""
    for name, held in of_sdks(values.copy()):
        if held is not None:
            values.setdefault(name, held)
    for name, other in _SAME.items():
        if other in values:
            values.setdefault(name, values[other])
    for name, others in NUMBERED.items():
        if found := next(filter(None, (numbered(values, other) for other in others)), None):
            values.setdefault(name, found)
    asks = values.get("openinference.span.kind") == "LLM"
    for name, others in _WHOLE.items():
        for other in others:
            if other in values and (asks or other.startswith("gen_ai.")):
                values.setdefault(name, values[other])
    return values


def numbered(values: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Collect turns from numbered attributes: NAME.0.role, NAME.0.content, ..."""
    turns: list[dict[str, Any]] = []
    for at_turn in counting():
        begin = f"{name}.{at_turn}."
        held = {key[len(begin) :]: one for key, one in values.items() if key.startswith(begin)}
        if not held:
            return turns
        plain = {key.removeprefix("message."): one for key, one in held.items()}
        turn: dict[str, Any] = {
            key: plain[key] for key in ("role", "content", "finish_reason") if key in plain
        }
        if parts := [one for key, one in held.items() if _PART.fullmatch(key)]:
            turn.setdefault("content", [{"type": "text", "text": one} for one in parts])
        tools: dict[str, dict[str, Any]] = {}
        for key, one in held.items():
            if found := TOOL.fullmatch(key):
                tools.setdefault(found[1], {})[found[2]] = one
        if tools:
            turn["tool_calls"] = [{"function": one} for one in tools.values()]
        turns.append(turn)
    return turns
