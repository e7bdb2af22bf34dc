"""What shippers and containers put around a line of a log is taken off."""

import bz2
import gzip
import json
import lzma
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lib.monitoring.readers import read_logged_calls
from lib.runtime.errors import UserError
from tests.monitoring.own_line import LINE, OWN, STAMP
from tests.monitoring.test_monitor_logs import read


@pytest.mark.parametrize(
    "lines",
    [
        [f"{STAMP} stdout F {LINE}"],
        [
            f"{STAMP} stdout P {LINE[:40]}",
            f"{STAMP} stderr F warm",
            f"{STAMP} stdout F {LINE[40:]}",
        ],
        [{"log": LINE + "\n", "stream": "stdout", "time": STAMP}],
        [
            {"log": LINE[:40], "stream": "stdout", "time": STAMP},
            {"log": LINE[40:] + "\n", "stream": "stdout", "time": STAMP},
        ],
        [{"log": LINE, "stream": "stdout", "kubernetes": {"pod_name": "gateway"}}],
        [{"jsonPayload": OWN, "timestamp": STAMP}],
        [{"MESSAGE": LINE, "_HOSTNAME": "a"}],
        [{"id": "1", "type": "log", "attributes": {"status": "info", "attributes": OWN}}],
        [{"_index": "logs", "_source": {"@timestamp": STAMP, "message": LINE}}],
        [f"gateway-1  | {LINE}"],
        [f"\x1b[32mINFO\x1b[0m: {LINE}"],
        [LINE + ","],
        [LINE + LINE],
        [[OWN]],
        ["[", json.dumps(OWN, indent=2) + ",", json.dumps(OWN, indent=2), "]"],
        [json.dumps(OWN, indent=4)],
    ],
)
def test_a_frame_around_a_line_is_taken_off(lines: list[Any], tmp_path: Path) -> None:
    calls, skipped = read(tmp_path, lines)
    assert [call.answer for call in calls] == ['{"intent": "repair"}']
    assert set(skipped) <= {"copy", "text_line"}


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_rotated_and_packed_copy_counts_once(pack: Any, tmp_path: Path) -> None:
    paths, skipped = [tmp_path / "log", tmp_path / "log.1"], Counter[str]()
    paths[0].write_text(LINE, encoding="utf-8")
    paths[1].write_bytes(pack(LINE.encode()))
    assert len(list(read_logged_calls(paths, skipped))) == 1
    assert skipped == {"copy": 1}


def test_utf_16_is_read(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(LINE, encoding="utf-16")
    assert len(list(read_logged_calls([tmp_path / "log"], Counter()))) == 1


@pytest.mark.parametrize(
    ("start", "cure"), [(b"\x28\xb5\x2f\xfd", "zstd -d"), (b"PK\x03\x04", "unzip")]
)
def test_what_cannot_be_unpacked_names_its_tool(start: bytes, cure: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(start + bytes(20))
    with pytest.raises(UserError, match=cure):
        list(read_logged_calls([tmp_path / "log"], Counter()))


def test_text_of_a_file_without_requests_was_not_understood(tmp_path: Path) -> None:
    calls, skipped = read(tmp_path, ["time=1 prompt=hello answer=hi", "time=2 prompt=a answer=b"])
    assert (calls, skipped) == ([], {"unknown_line": 2})


def test_a_row_that_may_hold_a_request_is_never_taken_for_another(tmp_path: Path) -> None:
    hidden = {"event": {"data": {"messages": [{"role": "user", "content": "hi"}]}}}
    _, skipped = read(tmp_path, [OWN, {"level": "info"}, hidden])
    assert skipped == {"other_row": 1, "unknown_shape": 1}


def test_a_server_that_was_not_asked_is_no_damage(tmp_path: Path) -> None:
    _, skipped = read(tmp_path, ["INFO 11-16 08:00:01 [loggers.py:1] Engine 000", "Traceback"])
    assert skipped == {"other_line": 1, "text_line": 1}
