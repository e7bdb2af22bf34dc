"""Logs of gateways and tracers, and what log stores and shippers make of a log."""

import json
from pathlib import Path
from typing import Any

import pytest

from lib.monitoring.rows import from_row
from tests.monitoring.own_line import LINE, OWN, TOOLS, said
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


def named(number: int) -> str:
    """A line of our format with an id of its own."""
    return json.dumps(OWN | {"request_id": f"p{number}"}, ensure_ascii=False)


@pytest.mark.parametrize(
    "page",
    [
        {"logEvents": [{"id": "1", "message": named(1)}, {"id": "2", "message": named(2)}]},
        {"data": {"result": [{"values": [["17632800", named(1)], ["17632801", named(2)]]}]}},
        {"hits": {"hits": [{"_source": json.loads(named(1))}, {"_source": json.loads(named(2))}]}},
        {"data": [{"attributes": {"attributes": json.loads(named(n))}} for n in (1, 2)]},
        {"results": [[{"field": "@message", "value": named(n)}] for n in (1, 2)]},
        {"trace": {"id": "t"}, "observations": [LANGFUSE, LANGFUSE | {"id": "g2"}]},
    ],
)
def test_a_page_of_a_log_store_is_read_row_by_row(page: Any, tmp_path: Path) -> None:
    calls, skipped = read(tmp_path, [OWN, page])
    assert (len(calls), skipped) == (3, {})


@pytest.mark.parametrize(
    "cut",
    [
        [{"stream": "stdout", "logtag": mark} for mark in "PF"],
        [{"stream": "stdout", "_p": mark} for mark in "PF"],
        [{"partial_message": "true", "partial_last": last} for last in ("false", "true")],
    ],
)
def test_the_parts_of_a_line_are_joined(cut: list[dict[str, Any]], tmp_path: Path) -> None:
    lines = [cut[0] | {"log": LINE[:40]}, cut[1] | {"log": LINE[40:]}]
    calls, skipped = read(tmp_path, lines)
    assert (len(calls), skipped) == (1, {})


def test_a_line_whose_end_never_came_is_damage(tmp_path: Path) -> None:
    part = {"log": LINE[:40], "stream": "stdout", "time": BEGIN}
    assert read(tmp_path, [LINE, part])[1] == {"invalid_json": 1}


def test_what_journald_left_out_is_damage(tmp_path: Path) -> None:
    frame = {"__REALTIME_TIMESTAMP": "1763280000000000", "_HOSTNAME": "a"}
    lines = [frame | {"MESSAGE": list(LINE.encode())}, frame | {"MESSAGE": None}]
    calls, skipped = read(tmp_path, lines)
    assert (len(calls), skipped) == (1, {"no_text": 1})


@pytest.mark.parametrize("line", ["call " + repr(OWN), "msg=" + json.dumps(LINE)])
def test_a_request_in_a_line_of_text_is_not_passed_over(line: str, tmp_path: Path) -> None:
    assert read(tmp_path, [LINE, line])[1] == {"unknown_shape": 1}


ACCESS = 'INFO:     10.0.0.1:52000 - "POST /v1/chat/completions HTTP/1.1" 503 Service Unavailable'


@pytest.mark.parametrize(
    "line",
    [
        ACCESS,
        '10.0.0.1 - - [16/Nov/2025:08:00:00 +0000] "POST /v1/completions HTTP/1.1" 502 157 "-" "-"',
        {"start_time": BEGIN, "path": "/v1/chat/completions", "response_code": 503},
        {"time": BEGIN, "request": "POST /v1/chat/completions HTTP/1.1", "status": "429"},
    ],
)
def test_a_failure_that_only_the_access_log_has_counts(line: Any, tmp_path: Path) -> None:
    calls, skipped = read(tmp_path, [LINE, line])
    assert ([bool(call.error) for call in calls], skipped) == ([False, True], {})
    assert calls[1].time in (calls[0].time, 1763280000)  # where it has none: of the line before


def test_a_failure_in_two_logs_of_a_file_counts_once(tmp_path: Path) -> None:
    calls, skipped = read(tmp_path, [OWN | {"error": "503", "response": None}, ACCESS])
    assert (len(calls), skipped) == (1, {"other_line": 1})


def test_other_lines_of_an_access_log_are_normal(tmp_path: Path) -> None:
    health = ACCESS.replace("POST /v1/chat/completions", "GET /health")
    fine = {"start_time": BEGIN, "path": "/v1/chat/completions", "response_code": 200}
    calls, skipped = read(tmp_path, [LINE, health, fine | {"request_id": "e1"}])
    assert (len(calls), skipped) == (1, {"text_line": 1, "other_line": 1})


def streamed(*events: Any) -> str:
    """Server-sent events as one text."""
    return "".join(f"data: {json.dumps(one)}\n\n" for one in events)


def chunk(part: str, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk of OpenAI's stream."""
    return {"choices": [{"delta": {"content": part} | more, "finish_reason": finish}]}


@pytest.mark.parametrize(
    "response",
    [
        streamed(chunk("你"), chunk("好"), chunk("", "length")) + "data: [DONE]\n\n",
        [chunk("你"), chunk("好", "length"), {"choices": [], **USED}],
        streamed(
            {"type": "message_start", "message": {"usage": {"input_tokens": 7}}},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "你好"}},
            {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}},
        ),
        streamed(
            {"type": "response.output_text.delta", "delta": "你好"},
            {
                "type": "response.incomplete",
                "response": {
                    "output": [{"type": "message", "content": [{"text": "你好"}]}],
                    "incomplete_details": {"reason": "max_output_tokens"},
                },
            },
        ),
    ],
)
def test_a_stream_that_was_logged_as_one_is_joined(response: Any) -> None:
    call = said(response)
    assert (call.answer, call.finish, call.error) == ("你好", "length", None)


def test_the_tools_of_a_stream_are_joined() -> None:
    calls = [{"index": 0, "function": {"name": "look_up", "arguments": '{"order"'}}]
    rest = [{"index": 0, "function": {"arguments": ": 7}"}}]
    call = said([chunk("", tool_calls=calls), chunk("", "tool_calls", tool_calls=rest)])
    assert (call.answer, call.tools) == ('{"name": "look_up", "arguments": {"order": 7}}', True)


def test_a_stream_that_was_cut_off_is_no_answer(tmp_path: Path) -> None:
    cut = OWN | {"response": streamed(chunk("你"))[:30]}
    assert read(tmp_path, [cut]) == ([], {"partial_answer": 1})


@pytest.mark.parametrize(
    "response",
    [
        {"choices": [{"finish_reason": "content_filter", "message": {"role": "assistant"}}]},
        {"content": [], "stop_reason": "refusal"},
        {"promptFeedback": {"blockReason": "SAFETY"}},
        {"candidates": [{"finishReason": "SAFETY"}]},
        {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "不"}]}]},
    ],
)
def test_what_a_filter_stopped_is_a_refusal(response: Any) -> None:
    call = said(response)
    assert (call.refused, call.error) == (True, None)


def test_geminis_requests_and_calls_are_read() -> None:
    part = {"functionCall": {"name": "look_up", "args": {"order": 7}}}
    request = {"contents": [{"role": "user", "parts": [{"text": "你好"}]}]}
    call = from_row(
        OWN | {"request": request, "response": {"candidates": [{"content": {"parts": [part]}}]}}
    )
    assert (call.prompt(), call.tools) == ("你好", True)


def test_the_choice_that_the_api_calls_the_first_counts() -> None:
    choices = [{"index": at, "message": {"content": str(at)}} for at in (1, 0)]
    assert said({"choices": choices}).answer == "0"


@pytest.mark.parametrize("mark", ["*****", "[Filtered]", "<REDACTED>", "__REDACTED__"])
def test_marks_in_place_of_a_text_are_no_answers(mark: str) -> None:
    assert said({"choices": [{"message": {"content": mark}}]}).withheld


def test_tools_have_no_filter() -> None:
    assert not said({"choices": [{"message": {"tool_calls": TOOLS}}]}).refused


def otlp(*parts: dict[str, Any], scope: str = "scopeLogs", part: str = "logRecords") -> Any:
    """A line of OTLP with these records or spans."""
    return {scope.replace("scope", "resource"): [{scope: [{part: list(parts)}]}]}


def event(name: str, **body: Any) -> dict[str, Any]:
    """An event of GenAI by the conventions before 1.37."""
    record = {"traceId": "t1", "spanId": "s1", "timeUnixNano": "1763280000000000000"}
    return record | {"eventName": name, "body": value(body)}


def value(held: Any) -> dict[str, Any]:
    """A value as OTLP writes it."""
    if isinstance(held, dict):
        pairs = [{"key": key, "value": value(one)} for key, one in held.items()]
        return {"kvlistValue": {"values": pairs}}
    return {"stringValue": held} if isinstance(held, str) else {"intValue": str(held)}


def span(**attributes: str) -> dict[str, Any]:
    """A span without texts, unless the attributes have some."""
    asked = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "served"} | attributes
    pairs = [{"key": key, "value": value(one)} for key, one in asked.items()]
    times = {"startTimeUnixNano": "1763280000000000000", "endTimeUnixNano": "1763280001500000000"}
    return {"traceId": "t1", "spanId": "s1", "attributes": pairs} | times


SPANS = {"scope": "scopeSpans", "part": "spans"}
ASKED = event("gen_ai.user.message", content="你好")
ANSWERED = event("gen_ai.choice", finish_reason="stop", message={"content": "{}"})


@pytest.mark.parametrize("span_first", [True, False])
def test_the_older_events_of_a_span_are_its_texts(span_first: bool, tmp_path: Path) -> None:
    lines = [otlp(ASKED), otlp(ANSWERED)]
    lines.insert(0 if span_first else 2, otlp(span(), **SPANS))
    (call,), skipped = read(tmp_path, lines)
    assert (call.prompt(), call.answer, call.latency_ms) == ("你好", "{}", 1500)
    assert skipped == {"copy": 1, "other_line": 1}


def test_an_older_event_without_its_answer_is_counted(tmp_path: Path) -> None:
    assert read(tmp_path, [otlp(ASKED)])[1]["no_answer"] == 1


def test_older_events_without_content_are_withheld(tmp_path: Path) -> None:
    bare = event("gen_ai.choice", index=0, message={"role": "assistant"})
    (call,), _ = read(tmp_path, [otlp(event("gen_ai.user.message")), otlp(bare)])
    assert (call.withheld, call.error) == (True, None)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("gen_ai.prompt", "gen_ai.completion"),
        ("llm.input_messages.0.message.content", "llm.output_messages.0.message.content"),
        ("llm.input_messages.0.message.contents.0.message_content.text", "gen_ai.completion"),
    ],
)
def test_texts_of_other_conventions_are_read(asked: str, answered: str, tmp_path: Path) -> None:
    (call,), _ = read(tmp_path, [otlp(span(**{asked: "你好", answered: "{}"}), **SPANS)])
    assert (call.prompt(), call.answer) == ("你好", "{}")


@pytest.mark.parametrize(
    "begin",
    [
        "gen_ai.completion.0.tool_calls.0.",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.",
    ],
)
def test_tools_of_other_conventions_are_read(begin: str, tmp_path: Path) -> None:
    called = {f"{begin}name": "look_up", f"{begin}arguments": '{"order": 7}'}
    (call,), _ = read(tmp_path, [otlp(span(**{"gen_ai.prompt": "你好"} | called), **SPANS)])
    assert (call.answer, call.tools) == ('{"name": "look_up", "arguments": {"order": 7}}', True)


def test_spans_under_older_names_are_read(tmp_path: Path) -> None:
    held = {"spans": [span(**{"gen_ai.prompt": "a", "gen_ai.completion": "b"})]}
    old = {"resourceSpans": [{"instrumentationLibrarySpans": [held]}]}
    assert len(read(tmp_path, [old])[0]) == 1
    assert len(read(tmp_path, [{"batches": [{"scopeSpans": [held]}]}])[0]) == 1
    assert read(tmp_path, [OWN, {"resourceSpans": [{"other": [held]}]}])[1] == {"unknown_shape": 1}


def test_an_operation_that_is_not_known_is_not_passed_over(tmp_path: Path) -> None:
    known = otlp(span(**{"gen_ai.operation.name": "embeddings"}), **SPANS)
    new = otlp(span(**{"gen_ai.operation.name": "respond"}), **SPANS)
    assert read(tmp_path, [OWN, known, new])[1] == {"other_call": 1, "unknown_operation": 1}


@pytest.mark.parametrize("finish", ["abort", "error"])
def test_an_answer_of_vllm_that_was_broken_off_is_a_failure(finish: str, tmp_path: Path) -> None:
    asked = "INFO 11-16 08:00:00 [logger.py:39] Received request r1: prompt: 'hi', params: X."
    ended = "INFO 11-16 08:00:02 [logger.py:58] Generated response r1: output: '', finish_reason: "
    (call,), _ = read(tmp_path, [asked, ended + finish])
    assert call.error == finish


def test_vllms_json_lines_have_the_time_beside_the_text(tmp_path: Path) -> None:
    lines = [
        {"asctime": f"2025-11-16 08:00:0{at},000", "levelname": "INFO", "message": text}
        for at, text in (
            (0, "Received request r1: prompt: 'hi', params: X."),
            (2, "Generated response r1: output: '{}', finish_reason: stop"),
        )
    ]
    (call,), skipped = read(tmp_path, lines)
    assert (call.time, call.latency_ms, skipped) == (1763280000, 2000, {})
