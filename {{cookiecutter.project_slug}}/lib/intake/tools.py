"""Convert definitions and calls of tools from common formats to OpenAI's.

Definitions: OpenAI's objects, bare functions, or JSON text of either. Calls: `tool_calls`, the
older `function_call`, ShareGPT's turns of role function_call, and the text of Hermes and Qwen,
`<tool_call>{...}</tool_call>`."""

import json
import re
from typing import Any

from lib.core.strict_json import DECODER
from lib.core.turns import Tool, ToolCall
from lib.intake.cells import Reject
from lib.intake.unpack import from_text

CALLED = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)
RETURNED = re.compile(r"\s*<tool_response>\s*(.*?)\s*</tool_response>\s*", re.DOTALL)
OPENS = re.compile(r"[\[{]")
DEFINES = re.compile(r"<tools>|\"parameters\"\s*:\s*\{")
# A call written as the text of another chat template: it would be learnt as plain words.
FOREIGN_CALL = re.compile(r"<functioncall>|<function=|\[TOOL_CALLS\]|<\|python_tag\|>|<｜tool▁call")
_CALL_AS_TEXT = re.compile(
    r"\s*\[?\s*([\w.][\w. /-]*)\(.*\)\s*\]?\s*\Z"
    r"|(?:.*\n)?\s*Action:\s*(\S[^\n]*)\n\s*Action Input:",
    re.DOTALL,
)
_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*", re.DOTALL)
_NAMES = ("name", "function_name", "tool_name")
ARGUMENTS = ("arguments", "parameters", "args", "input")
SCHEMAS = ("parameters", "input_schema", "inputSchema", "json_schema")


def read_tools(value: Any) -> list[Tool]:
    """Read tool definitions; raise Reject (`tools`) for anything else."""
    if isinstance(value, str):
        value = from_text(value) if value.strip() else []
    found = value if isinstance(value, list) else [value]
    tools = [read_tool(from_text(one) if isinstance(one, str) else one) for one in found]
    return [tool for tool in tools if tool]


def read_tool(value: Any) -> Tool:
    """Read one definition: OpenAI's, or the bare function; keys with null are dropped."""
    value = without_nulls(value)
    if not isinstance(value, dict):
        raise Reject("tools", "a definition that is not an object")
    if not value:  # a row without tools in a table where other rows have some
        return {}
    function = value.get("function", value)
    named = isinstance(function, dict) and isinstance(function.get("name"), str)
    if not named or not is_json(function):
        raise Reject("tools", "a definition without a name", *map(str, value))
    kept = {key: one for key, one in function.items() if key not in (*SCHEMAS, "type")}
    schema = next((function[key] for key in SCHEMAS if key in function), None)
    if isinstance(schema, str):
        schema = from_text(schema)
    if schema is not None:
        kept["parameters"] = schema
    return {"type": "function", "function": kept}


def read_calls(value: Any) -> list[ToolCall]:
    """Read one call or a list of calls; raise Reject (`tools`) for anything else."""
    value = from_text(value) if isinstance(value, str) else value
    calls = [read_call(one) for one in (value if isinstance(value, list) else [value]) if one]
    if not calls:
        raise Reject("tools", "a call that cannot be read")
    return calls


def read_call(value: Any) -> ToolCall:
    """Read one call: its name, and its arguments from an object or JSON text."""
    value = from_text(value) if isinstance(value, str) else value
    if not isinstance(value, dict):
        raise Reject("tools", "a call that cannot be read")
    function = value["function"] if isinstance(value.get("function"), dict) else value
    name = next((function[key] for key in _NAMES if isinstance(function.get(key), str)), "")
    arguments: Any = next((function[key] for key in ARGUMENTS if function.get(key) is not None), {})
    if isinstance(arguments, str):
        arguments = from_text(arguments) if arguments.strip() else {}
        if isinstance(arguments, str):  # doubly encoded JSON
            arguments = from_text(arguments)
    elif isinstance(arguments, dict):  # from a table: a column for each argument of any tool
        arguments = without_nulls(arguments)
    if not name or not isinstance(arguments, dict) or not is_json(arguments):
        raise Reject("tools", "a call without a name, or whose arguments are not a JSON object")
    told = value.get("id") or value.get("call_id")
    return {
        "id": told if isinstance(told, str) else "",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def calls_as_text(answer: str, names: set[str]) -> bool:
    """Tell whether an answer calls one of the named tools in words that are no JSON.

    As Python writes a call (ToolACE, Llama 4) or as ReAct does (ToolBench).
    """
    found = _CALL_AS_TEXT.match(answer)
    return found is not None and (found[1] or found[2]).strip() in names


def is_json(value: Any) -> bool:
    """Tell whether a value can be written as JSON; a date from a table cannot."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def without_nulls(value: Any) -> Any:
    """Drop keys that are null, at any depth: tables give every row the keys of all."""
    if isinstance(value, dict):
        return {key: without_nulls(one) for key, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


def called_in(text: str) -> tuple[str, list[ToolCall]]:
    """Split an answer with tool calls in its text into (text before them, calls).

    Ambiguous text is left as it is. Raises Reject (`tools`) for a call in the form of another chat
    template.
    """
    if FOREIGN_CALL.search(text):
        raise Reject("tools", "a call as the text of another template")
    if "<tool_call>" not in text:
        return text, []
    try:
        calls = [read_call(found) for found in CALLED.findall(text)]
    except Reject:
        return text, []
    rest = CALLED.sub("", text)
    after = text.rpartition("</tool_call>")[2].strip()
    return (text, []) if after or "tool_call>" in rest else (rest.strip(), calls)


def returned_in(text: str) -> str:
    """Strip the tags of Hermes and Qwen from a tool result; the chat template adds them."""
    found = RETURNED.fullmatch(text)
    return found[1] if found and "<tool_response>" not in found[1] else text


def defined_in(system: str) -> list[Tool]:
    """Read the tools that a system prompt defines as JSON (Hermes, Glaive, ToolACE).

    Raises Reject (`tools`) where it seems to define tools that cannot be read.
    """
    if not system:
        return []
    found, at = list[Any](), 0
    while (opened := OPENS.search(system, at)) is not None:
        try:
            value, at = DECODER.raw_decode(system, opened.start())
        except (ValueError, RecursionError):
            at = opened.end()
            continue
        found += value if isinstance(value, list) else [value]
    named = [one for one in found if isinstance(one, dict) and is_definition(one)]
    if not named and DEFINES.search(system):
        raise Reject("tools", "defined in the system prompt")
    return [read_tool(one) for one in named]


def is_definition(value: dict[str, Any]) -> bool:
    """Tell whether an object defines a tool."""
    function = value.get("function", value)
    return isinstance(function, dict) and "name" in function and bool({*SCHEMAS} & {*function})


def as_calls(answer: str, tools: list[Tool]) -> list[ToolCall]:
    """Read an answer that is only calls of the given tools in JSON, or in a fence (xLAM)."""
    names = {tool["function"]["name"] for tool in tools}
    fenced = _FENCED.fullmatch(answer)
    answer = fenced[1] if fenced else answer.strip()
    if not names or answer[:1] not in ("[", "{"):
        return []
    try:
        value = json.loads(answer)
        value = (
            value["tool_calls"] if isinstance(value, dict) and [*value] == ["tool_calls"] else value
        )
        calls = read_calls(value) if value else []
    except (ValueError, RecursionError, Reject):
        return []
    return calls if all(call["function"]["name"] in names for call in calls) else []
