"""Access logs: what failed counts, and what they alone know of."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lib.monitoring.readers import read_logged_calls
from tests.monitoring.own_line import LINE, OWN
from tests.monitoring.test_gateway_logs import BEGIN
from tests.monitoring.test_monitor_logs import read

ACCESS = 'INFO:     10.0.0.1:52000 - "POST /v1/chat/completions HTTP/1.1" 503 Service Unavailable'
ASKED = '"POST /v1/chat/completions HTTP/1.1"'
AT = 1763280000  # seconds of BEGIN
ROUTE = {"method": "POST", "uri": "/v1/chat/completions"}
FINE = {"start_time": BEGIN, "path": "/v1/chat/completions", "response_code": 200}
FAILURES = [
    ACCESS,
    f'10.0.0.1 - - [16/Nov/2025:08:00:00 +0000] {ASKED} 502 157 "-" "-"',
    f"haproxy[1]: 10.0.0.1:5 [16/Nov/2025:08:00:00.123] fe be/s 0/0/1/15/16 503 2 - - ---- "
    f"1/1/0/0/0 0/0 {ASKED}",
    f"https {BEGIN} app/lb/1 10.0.0.1:5 10.0.0.2:80 0.0 1.5 0.0 502 502 34 366 {ASKED} -",
    '[GIN] 2025/11/16 - 08:00:00 | 500 |  12.3ms |  127.0.0.1 | POST     "/api/chat"',
    "srv  log_server_r: done request: POST /v1/chat/completions 127.0.0.1 500",
    "[2025-11-16T08:00:00.000Z] " + ASKED + ' 503 UF 0 91 5 - "-"',
    {"levelname": "INFO", "message": "POST /v1/chat/completions 500 12.3ms"},
    "2025-11-16\t08:00:00\tFRA\t3\t10.0.0.1\tPOST\tx.net\t/v1/chat/completions\t502\t-",
    f"{BEGIN} ERROR generate: text_generation_router::infer: a.rs:33: Request failed during decode",
    FINE | {"response_code": 503},
    {"time": BEGIN, "request": "POST /v1/chat/completions HTTP/1.1", "status": "429"},
    {"requestTime": "16/Nov/2025:08:00:00 +0000", "resourcePath": ROUTE["uri"], "status": "504"},
    {"DownstreamStatus": 502, "RequestPath": ROUTE["uri"], "StartUTC": BEGIN, "msg": ""},
    {"ts": float(AT), "msg": "handled request", "request": ROUTE, "status": 502},
    {"started_at": AT * 1000, "request": ROUTE, "response": {"status": 503}},
    {"Timestamp": BEGIN, "Endpoint": "chat/completions", "StatusCode": 502, "Model": "served"},
    {"time": BEGIN, "operationName": "ChatCompletions_Create", "resultSignature": "429"},
    {"timestamp": BEGIN, "target": "text_generation_router::infer", "message": "Request failed"},
    {"records": [FINE | {"response_code": 500}]},
]


@pytest.mark.parametrize("line", FAILURES)
def test_a_failure_that_only_the_access_log_has_counts(line: Any, tmp_path: Path) -> None:
    calls, skipped = read(tmp_path, [LINE, line])
    assert ([bool(call.error) for call in calls], skipped) == ([False, True], {})
    assert int(calls[1].time) in (calls[0].time, AT)  # where it has none: of the line before


def test_a_failure_names_its_model_where_the_line_does(tmp_path: Path) -> None:
    line = FINE | {"response_code": 503, "model": "served"}
    assert read(tmp_path, [line])[0][0].model == "served"


def test_a_failure_in_two_logs_of_a_file_counts_once(tmp_path: Path) -> None:
    calls, skipped = read(tmp_path, [OWN | {"error": "503", "response": None}, ACCESS])
    assert (len(calls), skipped) == (1, {"other_line": 1})


def test_equal_lines_are_failures_of_their_own_and_a_copy_of_the_file_is_not(
    tmp_path: Path,
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(f"{LINE}\n{ACCESS}\n{ACCESS}\n", encoding="utf-8")
    skipped = Counter[str]()
    calls = list(read_logged_calls([tmp_path / "a", tmp_path / "b"], skipped))
    assert (sum(bool(call.error) for call in calls), skipped) == (2, {"copy": 3})


def test_other_lines_of_an_access_log_are_normal(tmp_path: Path) -> None:
    health = ACCESS.replace("POST /v1/chat/completions", "GET /health")
    read_only = FINE | {"response_code": 404, "method": "GET"}
    calls, skipped = read(tmp_path, [LINE, health, FINE | {"request_id": "e1"}, read_only])
    assert (len(calls), skipped) == (1, {"text_line": 1, "other_line": 1, "other_row": 1})


def test_a_chat_rooms_messages_are_no_requests_to_a_model(tmp_path: Path) -> None:
    line = ACCESS.replace("/v1/chat/completions", "/rooms/5/messages")
    assert read(tmp_path, [LINE, line])[1] == {"text_line": 1}


def test_where_no_other_log_tells_of_requests_the_answered_ones_are_without_texts(
    tmp_path: Path,
) -> None:
    calls, skipped = read(tmp_path, [FINE, FINE | {"id": "2"}, FINE | {"response_code": 503}])
    assert ([(call.withheld, bool(call.error)) for call in calls], skipped) == (
        [(False, True), (True, False), (True, False)],
        {},
    )


def test_a_line_that_holds_texts_in_a_shape_that_is_not_known_is_not_passed_over(
    tmp_path: Path,
) -> None:
    line = FINE | {"a": {"messages": [{"role": "user", "content": "x"}]}}
    assert read(tmp_path, [LINE, line])[1] == {"unknown_shape": 1}
