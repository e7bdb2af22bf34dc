"""The same under other names: gateways and tracers that put a request and its answer elsewhere."""

import json
from pathlib import Path
from typing import Any

import pytest

from lib.monitoring.names import LATENCIES, first, milliseconds
from tests.monitoring.own_line import LINE, OWN
from tests.monitoring.test_gateway_logs import BEDROCK, BEGIN, CHOICES, END, LANGSMITH, TURNS, USED
from tests.monitoring.test_monitor_logs import LITELLM, read

CHAT = CHOICES | USED | {"model": "served"}
ASKED = {"model": "served", "messages": TURNS}
ANSWER = [{"role": "assistant", "content": "{}"}]
KONG = {
    **{"started_at": 1763280000000, "request": {"method": "POST", "uri": "/v1/chat/completions"}},
    "response": {"status": 200},
    "ai": {
        "proxy": {
            "usage": {"prompt_tokens": 7, "completion_tokens": 2},
            "payload": {"request": json.dumps(ASKED), "response": json.dumps(CHAT)},
        }
    },
}
AZURE = {
    "records": [
        {
            "time": BEGIN,
            "properties": {
                **{"modelName": "served", "promptTokens": 7, "completionTokens": 2},
                **{"requestMessages": json.dumps(TURNS), "responseMessages": json.dumps(ANSWER)},
            },
        }
    ]
}
VERTEX = {
    **{"logging_time": "2025-11-16 08:00:00 UTC", "request_id": "1", "model": "served"},
    **{"full_request": json.dumps(ASKED), "full_response": json.dumps(CHAT)},
}
LANGFUSE_2 = {
    **{"id": "g", "trace_id": "t", "type": "GENERATION", "provided_model_name": "served"},
    **{"start_time": BEGIN, "end_time": END, "usage_details": {"input": 7, "output": 2}},
    **{"input": json.dumps(TURNS), "output": json.dumps(ANSWER[0])},
}
WEAVE = {
    **{"id": "c", "trace_id": "t", "started_at": BEGIN, "ended_at": END, "exception": None},
    **{"inputs": ASKED, "output": CHAT},
}
PROMPTLAYER = {
    **{"id": 1, "request_start_time": BEGIN, "request_end_time": END, "model": "served"},
    **{"input": {"messages": TURNS}, "output": {"messages": ANSWER}},
    **{"input_tokens": 7, "output_tokens": 2, "status": "SUCCESS"},
}
DATADOG = {
    **{"span_kind": "llm", "trace_id": "t", "span_id": "s", "start_ns": 1763280000 * 10**9},
    **{"model_name": "served", "metrics": {"input_tokens": 7, "output_tokens": 2}},
    **{"input": {"messages": TURNS}, "output": {"messages": ANSWER}},
}


@pytest.mark.parametrize(
    "row", [KONG, AZURE, VERTEX, LANGFUSE_2, WEAVE, PROMPTLAYER, DATADOG, {"data": [DATADOG]}]
)
def test_a_request_is_read_where_and_as_it_is_named(row: dict[str, Any], tmp_path: Path) -> None:
    (call,), skipped = read(tmp_path, [row])
    assert (call.prompt(), call.answer, call.model, skipped) == ("门锁坏了", "{}", "served", {})
    assert (call.input_tokens, call.output_tokens, call.time) == (7, 2, 1763280000)


@pytest.mark.parametrize(
    "row",
    [
        WEAVE | {"exception": "RateLimitError", "output": None},
        LANGFUSE_2 | {"level": "ERROR", "output": None},
        DATADOG | {"status": "error", "output": {}},
        LITELLM | {"call_type": "", "status": "failure", "messages": [], "response": {}},
    ],
)
def test_their_failures_count(row: dict[str, Any], tmp_path: Path) -> None:
    (call,), skipped = read(tmp_path, [row])
    assert (bool(call.error), skipped) == (True, {})


def test_steps_around_a_request_are_none(tmp_path: Path) -> None:
    outer = DATADOG | {"span_kind": "workflow", "input": {"value": "x"}, "output": {"value": "y"}}
    assert read(tmp_path, [DATADOG, outer])[1] == {"other_call": 1}


def test_a_request_without_an_answer_around_it_is_not_made_up(tmp_path: Path) -> None:
    line = {"time": BEGIN, "level": "info", "context": {"input": {"prompt": "hi"}}}
    assert read(tmp_path, [LINE, line])[1] == {"unknown_shape": 1}


def test_bodies_that_bedrock_put_elsewhere_are_withheld(tmp_path: Path) -> None:
    row = BEDROCK | {
        "input": {"inputBodyS3Path": "s3://b/in", "inputTokenCount": 7},
        "output": {"outputBodyS3Path": "s3://b/out", "outputTokenCount": 2},
    }
    (call,), _ = read(tmp_path, [row])
    assert (call.withheld, call.error, call.input_tokens, call.output_tokens) == (True, None, 7, 2)


@pytest.mark.parametrize(
    ("name", "ms"),
    [("latency_ms", 3), ("durationSeconds", 3000), ("elapsed_s", 3000), ("latency", None)],
)
def test_a_duration_is_read_where_its_name_tells_the_unit(name: str, ms: float | None) -> None:
    assert milliseconds({name: 3}, LATENCIES) == ms


def test_names_differ_by_case_and_hyphens_only() -> None:
    assert [first({name: 1}, ("request_id",)) for name in ("requestId", "Request-ID")] == [1, 1]


@pytest.mark.parametrize(
    "held", [{"gen_ai.request.messages": "hi"}, {"attributes.llm.input": "hi"}, {"history": TURNS}]
)
def test_a_row_that_may_be_a_request_is_not_passed_over(held: Any, tmp_path: Path) -> None:
    assert read(tmp_path, [OWN, {"op": "x", "data": held}])[1] == {"unknown_shape": 1}


def test_an_answer_may_stand_one_level_down(tmp_path: Path) -> None:
    (call,), _ = read(tmp_path, [LANGSMITH | {"outputs": {"output": CHOICES}}])
    assert call.answer == "{}"
