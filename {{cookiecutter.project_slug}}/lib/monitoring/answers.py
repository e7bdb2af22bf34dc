"""The answer in a response of any API that gateways log: OpenAI's three, Anthropic's, Gemini's,
Ollama's, TGI's, whole or streamed."""

import json
from dataclasses import dataclass
from typing import Any

from lib.monitoring.fields import BadCall, at, content, decoded, items, text

FINISH = {  # what other APIs call OpenAI's finish reasons
    "end_turn": "stop",
    "stop_sequence": "stop",
    "completed": "stop",
    "eos_token": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "tool_call": "tool_calls",
    "function_call": "tool_calls",
    "safety": "content_filter",
}


@dataclass
class Answer:
    """What a response says; `missing` is why it has no answer, of which there is none then."""

    text: str = ""
    finish: str | None = None  # stop, length, tool_calls, content_filter, ...
    refused: bool = False  # the API itself says so
    tools: bool = False  # the answer is a call of tools, `text` their names and arguments
    part: bool = False  # one chunk of a stream
    missing: str | None = None


def read_answer(response: Any) -> Answer:
    """Read a response; raise BadCall where it has no shape that is known."""
    response = decoded(response)
    if not response:
        return Answer(missing="no response")
    if isinstance(response, str):
        return Answer(text(response))
    if not isinstance(response, dict):
        raise BadCall("bad_shape")
    for key, read in SHAPES.items():
        if key in response:
            return read(response)
    raise BadCall("unknown_response")


def finish_of(value: Any) -> str | None:
    """Return a finish reason by the name that OpenAI's API has for it; None where there is none."""
    reason = text(value).lower()
    return FINISH.get(reason, reason) or None


def _choices(response: Any) -> Answer:
    choice = at(response, "choices", 0)
    if choice is None:
        return Answer(missing="no choices")
    finish = finish_of(at(choice, "finish_reason"))
    if "text" in choice:  # completions
        return Answer(text(choice["text"]), finish)
    part = choice.get("message") is None and "delta" in choice
    message = choice["delta"] if part else at(choice, "message")
    if message is None and not part:
        return Answer(finish=finish, missing=finish or "no message")
    answer = _message(message, finish)
    answer.part = part
    return answer


def _message(message: Any, finish: str | None) -> Answer:
    """Read a message of OpenAI's kind: its text, else its refusal, else its tool calls."""
    if said := content(at(message, "content")):
        return Answer(said, finish)
    if refusal := text(at(message, "refusal")):
        return Answer(refusal, finish, refused=True)
    called = items(at(message, "tool_calls"))
    asked = [at(one, "function") for one in called] or [at(message, "function_call")]
    return calls_of_tools([one for one in asked if one], finish)


def calls_of_tools(calls: list[Any], finish: str | None) -> Answer:
    """Make an answer of calls of tools, each with its name and arguments; empty without any."""
    said = [
        {"name": at(one, "name"), "arguments": decoded(at(one, "arguments") or at(one, "input"))}
        for one in calls
    ]
    return Answer(
        "\n".join(text(json.dumps(one, ensure_ascii=False)) for one in said),
        finish,
        tools=bool(said),
    )


def _output(response: Any) -> Answer:
    """Read OpenAI's Responses API."""
    turns = items(response["output"])
    why = at(response, "incomplete_details", "reason") or at(response, "status")
    finish = finish_of(why)
    if finish == "failed":
        return Answer(missing=text(at(response, "error", "message")) or "failed")
    said = [content(at(turn, "content")) for turn in turns if at(turn, "type") == "message"]
    if any(said):
        return Answer("\n".join(said), finish)
    return calls_of_tools([turn for turn in turns if at(turn, "type") == "function_call"], finish)


def _blocks(response: Any) -> Answer:
    """Read Anthropic's Messages API."""
    finish = finish_of(at(response, "stop_reason"))
    if said := content(response["content"]):
        return Answer(said, finish)
    blocks = items(response["content"])
    return calls_of_tools([one for one in blocks if at(one, "type") == "tool_use"], finish)


def _candidates(response: Any) -> Answer:
    """Read Gemini's API."""
    candidate = at(response, "candidates", 0)
    finish = finish_of(at(candidate, "finishReason"))
    if candidate is None:
        return Answer(missing="no candidates")
    return Answer(content(at(candidate, "content", "parts")), finish)


def _ollama(response: Any) -> Answer:
    return _message(response["message"], finish_of(at(response, "done_reason")))


def _tgi(response: Any) -> Answer:
    finish = finish_of(at(response, "details", "finish_reason"))
    return Answer(text(response["generated_text"]), finish)


def _error(response: Any) -> Answer:
    said = response["error"]
    return Answer(missing=text(at(said, "message") if isinstance(said, dict) else said) or "failed")


SHAPES = {  # by the key that tells
    "choices": _choices,
    "output": _output,
    "candidates": _candidates,
    "generated_text": _tgi,
    "error": _error,
    "message": _ollama,
    "content": _blocks,
    "text": lambda response: Answer(text(response["text"])),
}
