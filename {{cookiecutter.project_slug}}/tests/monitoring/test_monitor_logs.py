"""Logs of every format become the same calls, masked before anything else sees them."""

import gzip
import json
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lib.monitoring.calls import Call, dumps, to_row
from lib.monitoring.fields import BadCall
from lib.monitoring.masked import (
    find_logs,
)
from lib.monitoring.readers import read_logged_calls
from lib.monitoring.rows import from_row
from lib.pii.params import PiiParams
from lib.pii.redact import Finder
from lib.runtime.errors import UserError
from tests.toy_logs import row

FINDER = Finder(PiiParams(entities=["EMAIL_ADDRESS"], regions=[], score=0.35))
KEY = "ghp_" + "Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4zAbCd"
LITELLM = {
    "id": "r1",
    "call_type": "acompletion",
    "status": "success",
    "startTime": 1763280000.0,
    "completionStartTime": 1763280000.2,
    "endTime": 1763280001.5,
    "model": "openai/served",
    "model_group": "served",
    "messages": [{"role": "user", "content": "门锁坏了 🔒"}],
    "response": {"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}]},
    "prompt_tokens": 7,
    "completion_tokens": 2,
    "response_cost": 0.001,
}
ATTRIBUTES: dict[str, Any] = {
    "gen_ai.operation.name": {"stringValue": "chat"},
    "gen_ai.request.model": {"stringValue": "served"},
    "gen_ai.input.messages": {
        "stringValue": json.dumps(
            [{"role": "user", "parts": [{"type": "text", "content": "门锁坏了 🔒"}]}]
        )
    },
    "gen_ai.output.messages": {
        "stringValue": json.dumps(
            [{"role": "assistant", "parts": [{"type": "text", "content": "{}"}]}]
        )
    },
    "gen_ai.response.finish_reasons": {"arrayValue": {"values": [{"stringValue": "stop"}]}},
    "gen_ai.usage.input_tokens": {"intValue": "7"},
}
SPAN: dict[str, Any] = {
    "spanId": "r1",
    "startTimeUnixNano": "1763280000000000000",
    "endTimeUnixNano": "1763280001500000000",
    "attributes": [{"key": key, "value": value} for key, value in ATTRIBUTES.items()],
}
OTLP = {"resourceSpans": [{"scopeSpans": [{"spans": [SPAN]}]}]}
VLLM = [
    "INFO 11-16 08:00:00 [logger.py:39] Received request r1: prompt: '<|im_start|>user\\n"
    "门锁坏了 🔒<|im_end|>\\n<|im_start|>assistant\\n', params: SamplingParams(n=1), "
    "lora_request: None.",
    "INFO 11-16 08:00:01 [loggers.py:123] Engine 000: Avg prompt throughput: 9.8 tokens/s",
    "INFO 11-16 08:00:02 [logger.py:58] Generated response r1 (streaming delta): output: '{', "
    "output_token_ids: None, finish_reason: None",
    "INFO 11-16 08:00:02 [logger.py:58] Generated response r1 (streaming complete): output: '{}', "
    "output_token_ids: None, finish_reason: stop",
]
NEWER_VLLM = [
    "(APIServer pid=7) DEBUG 11-16 08:00:00 [logger.py:50] Request r1 details: prompt: "
    "'门锁坏了 🔒', prompt_token_ids: [1], prompt_embeds shape: None.",
    "(APIServer pid=7) INFO 11-16 08:00:00 [logger.py:60] Received request r1: params: "
    "SamplingParams(n=1), lora_request: None.",
    "(APIServer pid=7) INFO 11-16 08:00:02 [logger.py:90] Generated response r1: output: '{}', "
    "finish_reason: stop",
]


def read(tmp_path: Path, lines: list[Any]) -> tuple[list[Call], Counter[str]]:
    """The calls of a log with these lines, and what was left out."""
    path, skipped = tmp_path / "log", Counter[str]()
    texts = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return list(read_logged_calls([path], skipped)), skipped


@pytest.mark.parametrize("lines", [[LITELLM], [OTLP], VLLM, NEWER_VLLM])
def test_formats_say_the_same(lines: list[Any], tmp_path: Path) -> None:
    (call,), skipped = read(tmp_path, lines)
    assert (call.prompt(), call.answer, call.finish, call.id) == ("门锁坏了 🔒", "{}", "stop", "r1")
    assert set(skipped) <= {"other_line"}


def test_litellm_has_latency_and_cost(tmp_path: Path) -> None:
    ((call,), _) = read(tmp_path, [LITELLM])
    assert call.latency_ms == pytest.approx(1500)
    assert call.ttft_ms == pytest.approx(200)
    assert (call.cost, call.input_tokens) == (0.001, 7)


def test_own_format_round_trips() -> None:
    call = from_row(row(1, "你好", "{}", feedback={"thumb": "down"}, cost=0.5))
    assert from_row(to_row(call)) == call


def test_a_failed_request_has_no_answer() -> None:
    call = from_row(row(1, "hi", "", response=None, error="timeout"))
    assert (call.error, call.answer) == ("timeout", "")


def test_every_line_that_is_no_call_is_counted(tmp_path: Path) -> None:
    lines = [
        row(1, "hi", "{}"),
        "{broken",
        {"level": "info"},
        {"prompt": 1},
        row(2, "hi", "{}", time="yesterday"),
        row(3, "hi", "{}", request={"messages": []}),
        row(4, "hi", "{}", response={"choices": [None, 1], "usage": [1]}),
        LITELLM | {"call_type": "aembedding"},
        "Traceback (most recent call last):",
        VLLM[0],
        VLLM[3].replace("r1", "r9"),
    ]
    calls, skipped = read(tmp_path, lines)
    assert len(calls) == 1
    assert skipped == {
        "invalid_json": 1,
        "unknown_shape": 1,
        "other_row": 1,
        "no_time": 1,
        "no_messages": 1,
        "bad_shape": 1,
        "other_call": 1,
        "text_line": 1,
        "no_answer": 1,
        "no_request": 1,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"response": {"choices": ["x"]}},
        {"response": {"choices": [{"message": "x"}]}},
        {"response": {"choices": [{"text": "a"}], "usage": {"prompt_tokens": "many"}}},
        {"request": {"messages": [{"role": "user", "content": 5}]}},
        {"request_id": ["a"]},
        {"latency_ms": 1e300},
    ],
)
def test_a_field_of_another_type_is_counted(changes: dict[str, Any], tmp_path: Path) -> None:
    calls, skipped = read(tmp_path, [row(1, "hi", "{}") | changes])
    assert (calls, skipped) == ([], {"bad_shape": 1})


def test_a_bad_span_takes_no_other_with_it(tmp_path: Path) -> None:
    timeless = {key: value for key, value in SPAN.items() if key != "startTimeUnixNano"}
    spans = {"scopeSpans": [{"spans": [timeless, {"name": "GET"}, SPAN]}]}
    calls, skipped = read(tmp_path, [{"resourceSpans": [spans]}])
    assert len(calls) == 1
    assert skipped == {"no_time": 1, "other_call": 1}


@pytest.mark.parametrize("before", [" ", "\t", "\ufeff"])
def test_a_line_may_begin_with_what_is_not_seen(before: str, tmp_path: Path) -> None:
    calls, skipped = read(tmp_path, [before + json.dumps(row(1, "hi", "{}"))])
    assert (len(calls), skipped) == (1, {})


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
def test_a_time_is_read_in_its_unit(unit: int) -> None:
    assert from_row(row(1, "hi", "{}", time=1763280000 * unit)).time == 1763280000


@pytest.mark.parametrize("time", [17632800000, 5, -1763280000, 10**400, True, "0001-01-01", None])
def test_a_time_that_could_be_another_is_none(time: Any) -> None:
    with pytest.raises(BadCall, match="no_time"):
        from_row(row(1, "hi", "{}", time=time))


def test_a_vllm_log_over_new_year_is_of_two_years(tmp_path: Path) -> None:
    asked, answered = (
        line.replace("11-16", day)
        for line, day in zip((VLLM[0], VLLM[3]), ("12-31", "01-01"), strict=True)
    )
    read(tmp_path, [asked.replace("08:00:00", "23:59:59"), answered.replace("08:00", "00:00")])
    new_year = datetime(2026, 1, 1, 9, tzinfo=UTC).timestamp()
    os.utime(tmp_path / "log", (new_year, new_year))
    (call,) = read_logged_calls([tmp_path / "log"], Counter())
    assert datetime.fromtimestamp(call.time, UTC).year == 2025
    assert call.latency_ms == 3000


def test_gzip_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(json.dumps(row(1, "hi", "{}")).encode()))
    assert len(list(read_logged_calls([path], Counter()))) == 1


def test_no_log_is_one_line() -> None:
    with pytest.raises(UserError, match="no file matches"):
        find_logs(["/nowhere/*.jsonl"])


def test_content_parts_are_joined() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}]
    call = from_row(row(1, "", "{}", request={"messages": [{"role": "user", "content": parts}]}))
    assert call.prompt() == "a\n\nb"


@pytest.mark.parametrize("error", ["", {}, False, None])
def test_an_empty_error_is_none(error: Any) -> None:
    assert from_row(row(1, "hi", "{}", error=error)).error is None


def test_half_a_pair_can_be_written() -> None:
    assert dumps(from_row(row(1, "a\ud800b", "{}"))).encode()


def test_a_line_without_a_request_is_bad() -> None:
    with pytest.raises(BadCall, match="no_request"):
        from_row({"request_id": "1", "time": 0})
