"""What log stores and shippers make of a log: pages, parts of lines."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.own_line import LINE, OWN
from tests.monitoring.test_gateway_logs import BEGIN, LANGFUSE
from tests.monitoring.test_monitor_logs import read


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
