"""Logs of LiteLLM: failures, withheld texts, other routes, spend logs."""

import json
from pathlib import Path
from typing import Any

import pytest

from lib.monitoring.calls import dumps
from lib.monitoring.rows import from_row
from tests.monitoring.test_monitor_logs import LITELLM, read


def litellm(**changes: Any) -> dict[str, Any]:
    """A payload of LiteLLM with other values."""
    return LITELLM | changes


@pytest.mark.parametrize("messages", [None, [], "", {}])
def test_litellms_failures_count_whatever_they_hold(messages: Any, tmp_path: Path) -> None:
    failure = litellm(status="failure", messages=messages, response={}, error_str="429")
    (call,), skipped = read(tmp_path, [failure])
    assert (call.error, skipped) == ("429", {})


@pytest.mark.parametrize(
    "changes",
    [
        {"messages": "redacted-by-litellm", "response": {"text": "redacted-by-litellm"}},
        {"messages": [{"role": "user", "content": "redacted-by-litellm"}]},
        {"messages": {}, "response": {}},
        {"messages": "{}", "response": "{}"},
        {"response": None},
    ],
)
def test_texts_that_litellm_withheld_are_no_answers(changes: Any, tmp_path: Path) -> None:
    (call,), _ = read(tmp_path, [litellm(**changes)])
    assert call.withheld
    assert not call.error
    assert from_row(json.loads(dumps(call))).withheld


@pytest.mark.parametrize("kind", ["anthropic_messages", "aresponses", "agenerate_content"])
def test_litellms_other_routes_are_read(kind: str, tmp_path: Path) -> None:
    assert len(read(tmp_path, [litellm(call_type=kind)])[0]) == 1


def test_an_answer_from_the_cache_has_no_latency(tmp_path: Path) -> None:
    (call,), _ = read(tmp_path, [litellm(cache_hit=True)])
    assert (call.latency_ms, call.ttft_ms) == (None, None)


def test_one_chunk_is_no_answer(tmp_path: Path) -> None:
    part = {"choices": [{"delta": {"content": "{"}, "finish_reason": None}]}
    calls, skipped = read(tmp_path, [litellm(response=part)])
    assert (calls, skipped) == ([], {"partial_answer": 1})


def test_spend_logs_are_read(tmp_path: Path) -> None:
    line = {key: one for key, one in LITELLM.items() if key not in ("id", "response_cost")}
    (call,), _ = read(tmp_path, [line | {"request_id": "r1", "spend": 0.5}])
    assert (call.id, call.cost) == ("r1", 0.5)
