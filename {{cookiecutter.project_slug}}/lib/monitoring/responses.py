"""Read the answer in a response of any API that gateways log, whole or streamed.

These are OpenAI's three APIs, Anthropic's, Gemini's, Bedrock's, Ollama's, TGI's and LangChain's."""

import json
from typing import Any

from lib.monitoring.answers import LoggedAnswer, calls_of_tools, finish_of, message_answer
from lib.monitoring.fields import BadCall, at, decoded, items, text
from lib.monitoring.messages import content
from lib.monitoring.streams import events_of, joined_events


def read_logged_answer(response: Any, free: bool = False) -> LoggedAnswer:
    """Read a response; raise BadCall if its format is unknown.

    free: the response may also be the answer itself, as text or JSON.
    """
    logged, response = response, whole_response(response)
    if is_chat(response):
        return message_answer(response[-1], finish_of(at(response[-1], "finish_reason")))
    if not response:
        return LoggedAnswer(missing="no response")
    if isinstance(response, str):
        return LoggedAnswer(text(response))
    if not isinstance(response, dict):
        raise BadCall("bad_shape")
    if response.get("error") or response.get("object") == "error":
        return _error(response)
    for key, read in SHAPES.items():
        if key in response:
            return read(response)
    if free:
        said = logged if isinstance(logged, str) else json.dumps(logged, ensure_ascii=False)
        return LoggedAnswer(text(said))
    raise BadCall("unknown_response")


def whole_response(response: Any) -> Any:
    """Return a response as JSON; the events of a streamed one are joined."""
    response = decoded(response)
    events = [] if is_chat(response) else events_of(response)
    return joined_events(events) if events else response


def is_chat(value: Any) -> bool:
    """Tell whether a list is a chat that ends with an answer."""
    last = value[-1] if isinstance(value, list) and value else None
    return isinstance(last, dict) and last.get("role") in ("assistant", "model", "ai")


def _turns(response: Any) -> LoggedAnswer:
    """Read an answer that is logged as turns, as by PromptLayer and Datadog."""
    turns = items(response["messages"])
    return read_logged_answer(turns) if turns else LoggedAnswer(missing="no messages")


def _choices(response: Any) -> LoggedAnswer:
    choices = [one for one in items(at(response, "choices")) if one is not None]
    if not choices:
        return LoggedAnswer(missing="no choices")
    choice = next((one for one in choices if at(one, "index") == 0), choices[0])
    finish = finish_of(at(choice, "finish_reason"))
    if at(choice, "error"):
        return _error(choice)
    if "text" in choice:  # completions
        return LoggedAnswer(text(choice["text"]), finish)
    part = choice.get("message") is None and "delta" in choice
    message = choice["delta"] if part else at(choice, "message")
    if message is None and not part:
        return LoggedAnswer(missing=finish or "no message")
    answer = message_answer(message, finish)
    answer.part = part
    return answer


def _output(response: Any) -> LoggedAnswer:
    """Read OpenAI's Responses API, Bedrock's Converse API, or an answer one level down."""
    if isinstance(response["output"], dict) and "message" in response["output"]:
        return _bedrock(response)
    if isinstance(response["output"], dict | str):
        return read_logged_answer(response["output"])
    turns = items(response["output"])
    why = at(response, "incomplete_details", "reason") or at(response, "status")
    finish = finish_of(why)
    if finish in ("failed", "cancelled"):
        return LoggedAnswer(missing=finish)
    said = [at(turn, "content") for turn in turns if at(turn, "type") == "message"]
    texts = list(filter(None, map(content, said)))
    if texts:
        return LoggedAnswer("\n".join(texts), finish)
    parts = [part for one in said if isinstance(one, list) for part in one]
    if refusals := [text(at(part, "refusal")) for part in parts if at(part, "type") == "refusal"]:
        return LoggedAnswer("\n".join(refusals), finish, refused=True)
    return calls_of_tools([turn for turn in turns if at(turn, "type") == "function_call"], finish)


def _bedrock(response: Any) -> LoggedAnswer:
    finish = finish_of(at(response, "stopReason"))
    parts = items(at(response, "output", "message", "content"))
    if said := content(parts):
        return LoggedAnswer(said, finish)
    return calls_of_tools([one for part in parts if (one := at(part, "toolUse"))], finish)


def _blocks(response: Any) -> LoggedAnswer:
    """Read Anthropic's Messages API, or a single OpenAI message."""
    finish = finish_of(at(response, "stop_reason") or at(response, "finish_reason"))
    if not isinstance(response["content"], list):
        return message_answer(response, finish)
    if said := content(response["content"]):
        return LoggedAnswer(said, finish)
    blocks = items(response["content"])
    return calls_of_tools([one for one in blocks if at(one, "type") == "tool_use"], finish)


def _candidates(response: Any) -> LoggedAnswer:
    """Read Gemini's API."""
    candidate = at(response, "candidates", 0)
    if candidate is None:
        return (
            _blocked(response)
            if "promptFeedback" in response
            else LoggedAnswer(missing="no answer")
        )
    finish = finish_of(at(candidate, "finishReason"))
    parts = items(at(candidate, "content", "parts"))
    if said := content(parts):
        return LoggedAnswer(said, finish)
    return calls_of_tools([one for part in parts if (one := at(part, "functionCall"))], finish)


def _blocked(response: Any) -> LoggedAnswer:
    """Read Gemini's response to a request that its filter blocked."""
    blocked = at(response, "promptFeedback", "blockReason")
    return LoggedAnswer(finish="content_filter") if blocked else LoggedAnswer(missing="no answer")


def _generations(response: Any) -> LoggedAnswer:
    """Read LangChain's generations."""
    first = at(response, "generations", 0)
    first = at(first, 0) if isinstance(first, list) else first
    if first is None:
        return LoggedAnswer(missing="no generations")
    finish = finish_of(at(first, "generation_info", "finish_reason"))
    if said := text(at(first, "text")):
        return LoggedAnswer(said, finish)
    message = at(first, "message", "kwargs") or at(first, "message")
    return message_answer(message, finish) if message else LoggedAnswer("", finish)


def _ollama(response: Any) -> LoggedAnswer:
    """Read Ollama's chat; a message that is a text is what a gateway says instead of an answer."""
    if isinstance(response["message"], str):
        return LoggedAnswer(missing=response["message"] or "no message")
    return message_answer(response["message"], finish_of(at(response, "done_reason")))


def _tgi(response: Any) -> LoggedAnswer:
    finish = finish_of(at(response, "details", "finish_reason"))
    return LoggedAnswer(text(response["generated_text"]), finish)


def _error(response: Any) -> LoggedAnswer:
    said = response.get("error") or response
    message = at(said, "message") if isinstance(said, dict) else said
    return LoggedAnswer(missing=text(message if isinstance(message, str) else None) or "failed")


def _detail(response: Any) -> LoggedAnswer:
    said = response["detail"]
    return LoggedAnswer(missing=said if said and isinstance(said, str) else "failed")


SHAPES = {  # by the key that identifies the API
    "choices": _choices,
    "output": _output,
    "candidates": _candidates,
    "promptFeedback": _candidates,
    "generations": _generations,
    "generated_text": _tgi,
    "message": _ollama,
    "content": _blocks,
    "tool_calls": lambda response: message_answer(response, None),
    "text": lambda response: LoggedAnswer(text(response["text"])),
    "response": lambda response: LoggedAnswer(
        text(response["response"]), finish_of(at(response, "done_reason"))
    ),  # Ollama's generate
    "detail": _detail,  # FastAPI's errors
    "messages": _turns,
}
