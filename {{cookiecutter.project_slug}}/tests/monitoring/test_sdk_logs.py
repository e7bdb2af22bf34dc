"""Spans of Vercel's AI SDK, MLflow and Phoenix; SGLang's lines."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.test_gateway_logs import BEGIN, CHOICES, END, TURNS, USED
from tests.monitoring.test_monitor_logs import SPAN, read

VERCEL = {
    "ai.operationId": "ai.generateText.doGenerate",
    **{"ai.model.id": "served", "ai.usage.promptTokens": 7, "ai.usage.completionTokens": 2},
    **{"ai.prompt.messages": json.dumps(TURNS), "ai.response.finishReason": "stop"},
    "ai.response.text": '{"intent": "repair"}',
}
MLFLOW: dict[str, Any] = {
    **{"trace_id": "t", "span_id": "s", "status": {"code": "STATUS_CODE_OK"}, "events": []},
    **{"start_time_unix_nano": 1763280000 * 10**9, "end_time_unix_nano": 1763280001500 * 10**6},
    "attributes": {
        **{"mlflow.spanType": '"CHAT_MODEL"', "mlflow.spanOutputs": json.dumps(CHOICES | USED)},
        "mlflow.spanInputs": json.dumps({"model": "served", "messages": TURNS}),
        "mlflow.chat.tokenUsage": '{"input_tokens": 7, "output_tokens": 2}',
    },
}
ASKED = {"rid": "s1", "text": "<|im_start|>user\n门锁坏了<|im_end|>\n<|im_start|>assistant\n"}
META = {"prompt_tokens": 7, "completion_tokens": 2, "e2e_latency": 1.5}
SGLANG: dict[str, Any] = {
    **{"timestamp": END, "event": "request.finished", "rid": "s1", "obj": ASKED},
    "out": {"text": "{}", "meta_info": META | {"finish_reason": {"type": "length"}}},
}


def otlp(**values: Any) -> dict[str, Any]:
    """A line of OTLP whose span has these attributes of Vercel's, others by keyword."""
    held = VERCEL | {name.replace("__", "."): one for name, one in values.items()}
    kinds = {str: "stringValue", int: "intValue"}
    pairs = [{"key": key, "value": {kinds[type(one)]: one}} for key, one in held.items()]
    return {"resourceSpans": [{"scopeSpans": [{"spans": [SPAN | {"attributes": pairs}]}]}]}


def test_vercels_spans_are_read(tmp_path: Path) -> None:
    (call,), skipped = read(tmp_path, [otlp()])
    assert (call.prompt(), call.answer, call.finish) == ("门锁坏了", '{"intent": "repair"}', "stop")
    assert (call.model, call.input_tokens, call.output_tokens) == ("served", 7, 2)
    assert skipped == {}


def test_the_span_around_vercels_is_no_request(tmp_path: Path) -> None:
    assert read(tmp_path, [otlp(ai__operationId="ai.generateText")]) == ([], {"other_call": 1})


def test_vercels_calls_of_tools_are_answers(tmp_path: Path) -> None:
    called = json.dumps([{"toolName": "look_up", "input": {"order": 7}}])
    (call,), _ = read(tmp_path, [otlp(ai__response__text="", ai__response__toolCalls=called)])
    assert call.tools


def test_mlflows_traces_are_read(tmp_path: Path) -> None:
    outer = MLFLOW | {"attributes": {"mlflow.spanType": '"CHAIN"', "mlflow.spanInputs": '"hi"'}}
    trace = {"info": {"trace_id": "t"}, "data": {"spans": [outer, MLFLOW]}}
    (call,), skipped = read(tmp_path, [trace])
    assert (call.prompt(), call.answer, call.model) == ("门锁坏了", "{}", "served")
    assert (call.input_tokens, call.latency_ms, skipped) == (7, 1500, {"other_call": 1})


def test_a_failed_span_of_phoenix_is_a_failure(tmp_path: Path) -> None:
    span: dict[str, Any] = {
        **{"context": {"trace_id": "t", "span_id": "p"}, "start_time": BEGIN, "end_time": END},
        **{"status_code": "ERROR", "attributes": {"openinference.span.kind": "LLM"}},
    }
    span["attributes"] |= {"llm.input_messages.0.message.content": "hi"}
    (call,), _ = read(tmp_path, [span])
    assert call.error


def test_sglangs_requests_are_read(tmp_path: Path) -> None:
    received = {"timestamp": BEGIN, "event": "request.received", "rid": "s1", "obj": ASKED}
    (call,), skipped = read(tmp_path, [received, SGLANG])
    assert (call.prompt(), call.answer, call.finish) == ("门锁坏了", "{}", "length")
    assert (call.time, call.latency_ms, call.input_tokens) == (1763280000, 1500, 7)
    assert skipped == {"other_line": 1}


@pytest.mark.parametrize(
    "changes",
    [{"obj": ASKED | {"stream": True}}, {"obj": {"rid": "s1"}}, {"out": {"meta_info": META}}],
)
def test_what_sglang_does_not_log_is_withheld(changes: dict[str, Any], tmp_path: Path) -> None:
    (call,), _ = read(tmp_path, [SGLANG | changes])
    assert (call.withheld, call.error) == (True, None)


def test_what_sglang_broke_off_failed(tmp_path: Path) -> None:
    reason = {"finish_reason": {"type": "abort", "message": "out of memory"}}
    (call,), _ = read(tmp_path, [SGLANG | {"out": {"text": "", "meta_info": META | reason}}])
    assert call.error == "out of memory"
