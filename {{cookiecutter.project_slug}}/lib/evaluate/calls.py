"""Compare the tool calls in an answer with those of the right answer.

Names and JSON arguments must be equal, whatever the order of keys and of parallel calls; text
beside calls is not compared. The formats of common chat templates are read: Hermes and Qwen
(`<tool_call>` with JSON, or with XML), Llama 3 (`"parameters"`), Mistral (a list, or NAME{...}),
GLM (keys and values in tags). An answer in any other format counts as wrong.
"""

import json
import re
from typing import Any

from lib.core.strict_json import DECODER
from lib.core.turns import call_text

TAGGED = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|\Z)", re.DOTALL)
FUNCTION = re.compile(r"<function=([^>\s]+)>(.*?)(?:</function>|\Z)", re.DOTALL)
PARAMETER = re.compile(r"<parameter=([^>\s]+)>\n?(.*?)\n?</parameter>", re.DOTALL)
_PAIR = re.compile(r"<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)
_NAMED = re.compile(r"(?:\[TOOL_CALLS\])?\s*([\w.-]+)(?:\[ARGS\])?\s*(?=\{)")
_MARKS = re.compile(r"\[TOOL_CALLS\]|<\|python_tag\|>|;")
_THOUGHT = re.compile(r".*</think>\s*", re.DOTALL)

NamedCall = tuple[str, dict[str, Any]]


def without_thought(text: str) -> str:
    """Remove the thoughts before an answer, up to the last `</think>`."""
    return _THOUGHT.sub("", text, count=1) if "</think>" in text else text


def comparable(output: str, expected: str) -> tuple[str, str]:
    """Normalize an answer and the right one if the latter calls tools; else return both as is."""
    if "<tool_call>" not in expected or not (wanted := calls_in(expected)):
        return output, expected
    typed = {key: value for _, arguments in wanted for key, value in arguments.items()}
    called = [(name, as_typed(arguments, typed)) for name, arguments in calls_in(output)]
    return _written(called) or output, _written(wanted)


def _written(calls: list[NamedCall]) -> str:
    """Write calls as one text, independent of their order."""
    texts = [
        call_text(
            {"id": "", "type": "function", "function": {"name": name, "arguments": arguments}}
        )
        for name, arguments in calls
    ]
    return "\n".join(sorted(texts))


def as_typed(arguments: dict[str, Any], typed: dict[str, Any]) -> dict[str, Any]:
    """Convert arguments that a format stores as text, such as `5`, to the right answer's types."""
    return {
        key: value.value(typed.get(key)) if isinstance(value, Text) else value
        for key, value in arguments.items()
    }


class Text(str):
    """An argument in a format without types."""

    def value(self, like: Any) -> Any:
        """Parse it as JSON, unless `like` is a string."""
        if isinstance(like, str):
            return str(self)
        try:
            return json.loads(self)
        except (ValueError, RecursionError):
            return str(self)


def calls_in(text: str) -> list[NamedCall]:
    """Read the calls of an answer in any known format; [] if one of them cannot be read."""
    found = TAGGED.findall(text)
    parts = found or [_MARKS.sub(" ", text).strip()]
    calls = list[NamedCall]()
    for part in parts:
        here = in_xml(part) or _in_json(part)
        if not here:
            return []
        calls += here
    return calls


def in_xml(text: str) -> list[NamedCall]:
    """Read calls whose arguments are tags (Qwen3-Coder, GLM)."""
    calls: list[NamedCall] = [
        (name, {key: Text(value) for key, value in PARAMETER.findall(body)})
        for name, body in FUNCTION.findall(text)
    ]
    if not calls and "<arg_key>" in text:
        name = text.partition("<arg_key>")[0].strip()
        calls = [(name, {key: Text(value.strip()) for key, value in _PAIR.findall(text)})]
    return calls


def _in_json(text: str) -> list[NamedCall]:
    """Read calls in JSON: one object after the other, a list of them, or NAME{arguments}."""
    calls, at = list[NamedCall](), 0
    while at < len(text):
        named = _NAMED.match(text, at)
        try:
            value, at = DECODER.raw_decode(text, named.end() if named else at)
        except (ValueError, RecursionError):
            return []
        values = [{"name": named[1], "arguments": value}] if named else value
        for one in values if isinstance(values, list) else [values]:
            call = one.get("function", one) if isinstance(one, dict) else {}
            call = call if isinstance(call, dict) else {}
            arguments = call.get("arguments", call.get("parameters"))
            if not isinstance(call.get("name"), str) or not isinstance(arguments, dict):
                return []
            calls.append((call["name"], arguments))
        while at < len(text) and text[at] in " \n\t,":
            at += 1
    return calls
