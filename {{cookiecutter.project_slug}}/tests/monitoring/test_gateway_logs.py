"""Logs of gateways and tracers."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.own_line import OWN
from tests.monitoring.test_monitor_logs import LITELLM, read

TURNS = [{"role": "user", "content": "门锁坏了"}]
CHOICES = {"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}]}
USED = {"usage": {"prompt_tokens": 7, "completion_tokens": 2}}
BEGIN, END = "2025-11-16T08:00:00Z", "2025-11-16T08:00:01.500Z"
LANGFUSE = {
    **{"id": "g1", "traceId": "t", "type": "GENERATION", "startTime": BEGIN, "endTime": END},
    **{"model": "served", "input": TURNS, "output": {"role": "assistant", "content": "{}"}},
    **{"usageDetails": {"input": 7, "output": 2}, "level": "DEFAULT"},
}
LANGSMITH = {
    **{"id": "r1", "trace_id": "t", "run_type": "llm", "start_time": BEGIN, "end_time": END},
    **{"inputs": {"messages": TURNS, "model": "served"}, "outputs": CHOICES | USED, "error": None},
}
LANGCHAIN = LANGSMITH | {
    "inputs": {
        "messages": [
            [
                {
                    "type": "constructor",
                    "id": ["langchain", "schema", "messages", "HumanMessage"],
                    "kwargs": {"content": "门锁坏了", "type": "human"},
                }
            ]
        ],
    },
    "outputs": {
        "generations": [[{"text": "{}", "generation_info": {"finish_reason": "stop"}}]],
        "llm_output": {"token_usage": {"prompt_tokens": 7, "completion_tokens": 2}},
    },
    "extra": {},
    "model": "served",
}
HELICONE = {
    **{"request_id": "h1", "request_created_at": BEGIN, "delay_ms": 1500, "response_status": 200},
    **{"request_model": "served", "request_body": {"messages": TURNS}},
    "response_body": CHOICES | USED,
}
PORTKEY = {
    **{"id": "p1", "created_at": BEGIN, "response_status_code": 200, "ai_model": "served"},
    **{"request": {"method": "POST", "body": {"messages": TURNS}}, "latency_ms": 1500},
    "response": {"status": 200, "body": CHOICES | USED},
}
BEDROCK = {
    **{"schemaType": "ModelInvocationLog", "timestamp": BEGIN, "endTime": END, "requestId": "b1"},
    "modelId": "served",
    "input": {"inputBodyJson": {"messages": [{"role": "user", "content": [{"text": "门锁坏了"}]}]}},
    "output": {
        "outputBodyJson": {
            "output": {"message": {"role": "assistant", "content": [{"text": "{}"}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 7, "outputTokens": 2},
        }
    },
}


@pytest.mark.parametrize("row", [LANGFUSE, LANGSMITH, LANGCHAIN, HELICONE, PORTKEY, BEDROCK])
def test_a_request_is_read_by_whichever_names_it_has(row: dict[str, Any], tmp_path: Path) -> None:
    (call,), skipped = read(tmp_path, [row])
    assert (call.prompt(), call.answer, call.model, skipped) == ("门锁坏了", "{}", "served", {})
    assert (call.input_tokens, call.output_tokens, call.latency_ms) == (7, 2, 1500)


@pytest.mark.parametrize(
    "row",
    [
        LANGFUSE | {"output": None, "level": "ERROR", "statusMessage": "429"},
        LANGSMITH | {"outputs": None, "error": "RateLimitError"},
        HELICONE | {"response_status": 502, "response_body": "<html>Bad Gateway</html>"},
        PORTKEY | {"response": {"status": 429, "body": {"x": 1}}, "response_status_code": 429},
        {key: one for key, one in BEDROCK.items() if key != "output"} | {"errorCode": "Throttling"},
        OWN | {"response": "upstream connect error", "status_code": 503},
        OWN | {"response": {"detail": "Internal"}},
        OWN | {"response": {"message": "Internal server error"}},
        OWN | {"response": {"object": "error", "message": "too long", "code": 400}},
        OWN | {"response": {"choices": [{"finish_reason": "error", "message": {"content": ""}}]}},
        OWN | {"response": {"choices": [{"error": {"code": 502}, "message": {"content": "x"}}]}},
        OWN | {"response": 'data: {"error": {"message": "overloaded"}}\n\n'},
    ],
)
def test_a_failure_counts_as_one_however_it_is_told(row: Any, tmp_path: Path) -> None:
    (call,), skipped = read(tmp_path, [row])
    assert (bool(call.error), skipped) == (True, {})


def test_a_tracers_other_steps_are_no_requests(tmp_path: Path) -> None:
    lines = [LANGFUSE | {"type": "SPAN"}, LANGSMITH | {"run_type": "chain"}, LANGFUSE]
    calls, skipped = read(tmp_path, lines)
    assert (len(calls), skipped) == (1, {"other_call": 2})


def test_litellms_routes_that_are_not_known_are_read_where_they_answer(tmp_path: Path) -> None:
    lines = [LITELLM | {"call_type": "new", "id": "n"}, LITELLM | {"call_type": "a", "response": 1}]
    calls, skipped = read(tmp_path, lines)
    assert ([call.id for call in calls], skipped) == (["n"], {"other_call": 1})


def test_litellms_failure_may_stand_in_its_metadata(tmp_path: Path) -> None:
    said = {"status": "failure", "error_information": {"error_message": "429"}}
    line = {key: one for key, one in LITELLM.items() if key != "status"}
    (call,), _ = read(tmp_path, [line | {"metadata": json.dumps(said), "response": {}}])
    assert call.error == "429"


def test_a_request_in_two_logs_of_a_gateway_counts_once(tmp_path: Path) -> None:
    again = LITELLM | {"startTime": "2025-11-16T08:00:00.123Z", "request_id": "r1"}
    _, skipped = read(tmp_path, [LITELLM | {"startTime": 1763280000.123456}, again])
    assert skipped == {"copy": 1}


@pytest.mark.parametrize("row", [LANGFUSE | {"output": None}, LANGSMITH | {"inputs": {}}])
def test_what_a_tracer_hides_is_withheld(row: Any, tmp_path: Path) -> None:
    (call,), _ = read(tmp_path, [row])
    assert (call.withheld, call.error) == (True, None)


def test_a_tracers_answer_may_be_json(tmp_path: Path) -> None:
    (call,), _ = read(tmp_path, [LANGFUSE | {"output": {"intent": "退货"}}])
    assert call.answer == '{"intent": "退货"}'
