"""A line of our own log format, which tests wrap and change."""

import json
from typing import Any

from lib.monitoring.calls import Call
from lib.monitoring.rows import from_row
from tests.toy_logs import row

OWN = row(1, "门锁坏了 🔒", '{"intent": "repair"}')
LINE = json.dumps(OWN, ensure_ascii=False)
STAMP = "2026-11-16T08:00:00.000000000Z"
TOOLS = [{"function": {"name": "look_up", "arguments": '{"order": 7}'}}]


def said(response: Any) -> Call:
    """The call of a line of our format with this response."""
    return from_row(OWN | {"response": response})
