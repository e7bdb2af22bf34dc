"""Convert span attributes of Vercel's AI SDK and MLflow to OpenTelemetry's names."""

from collections.abc import Iterator
from typing import Any

from lib.monitoring.fields import at, decoded, items
from lib.monitoring.usage import tokens_of

_ASKS = {True: "chat", False: "invoke_agent"}  # the operation of a span that asks, or holds one
_VERCEL = {
    "gen_ai.request.model": ("ai.model.id",),
    "gen_ai.input.messages": ("ai.prompt.messages",),
    "gen_ai.output.messages": ("ai.response.text", "ai.response.object"),
    "gen_ai.usage.input_tokens": ("ai.usage.inputTokens", "ai.usage.promptTokens"),
    "gen_ai.usage.output_tokens": ("ai.usage.outputTokens", "ai.usage.completionTokens"),
}


def of_sdks(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of a span under OpenTelemetry's names."""
    if isinstance(operation := values.get("ai.operationId"), str):
        yield "gen_ai.operation.name", _ASKS[operation.endswith((".doGenerate", ".doStream"))]
        yield from _vercel(values)
    if kind := decoded_text(values.get("mlflow.spanType")):
        yield "gen_ai.operation.name", _ASKS[kind in ("CHAT_MODEL", "LLM")]
        yield from _mlflow(values)


def _vercel(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if called := items(decoded(values.get("ai.response.toolCalls"))):
        calls = [
            {"name": at(one, "toolName"), "arguments": at(one, "input") or at(one, "args")}
            for one in called
        ]
        turn = {"role": "assistant", "content": values.get("ai.response.text")}
        yield (
            "gen_ai.output.messages",
            [turn | {"tool_calls": [{"function": one} for one in calls]}],
        )
    for name, others in _VERCEL.items():
        yield from ((name, values.get(other)) for other in others)
    if reason := values.get("ai.response.finishReason"):
        yield "gen_ai.response.finish_reasons", [reason]


def _mlflow(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    asked = decoded(values.get("mlflow.spanInputs"))
    yield "gen_ai.input.messages", asked
    yield "gen_ai.output.messages", decoded_text(values.get("mlflow.spanOutputs"))
    if isinstance(asked, dict):
        yield "gen_ai.request.model", asked.get("model")
    tokens = tokens_of(decoded(values.get("mlflow.chat.tokenUsage")))
    yield "gen_ai.usage.input_tokens", tokens[0]
    yield "gen_ai.usage.output_tokens", tokens[1]


def decoded_text(value: Any) -> Any:
    """Decode JSON that may itself be a quoted text."""
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"':
        return decoded(f"[{value}]")[0]
    return decoded(value)
