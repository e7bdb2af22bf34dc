"""Whatever a log holds, a line is a call that can be kept, or it is counted; nothing stops."""

import json
from collections import Counter
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from lib.monitoring.calls import dumps
from lib.monitoring.log_reader import LogReader
from lib.monitoring.masked import mask
from lib.monitoring.rows import from_row
from tests.monitoring.test_gateway_logs import BEDROCK, LANGCHAIN, LANGFUSE, PORTKEY
from tests.monitoring.test_monitor_logs import FINDER, LITELLM, NEWER_VLLM, OTLP, VLLM
from tests.toy_logs import row

KEYS = st.sampled_from(["request_id", "request", "resourceSpans", "startTime", "call_type", "time"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
VALUES = st.recursive(
    LEAVES | st.sampled_from([1763280000, "2026-11-16", "[[1]]", 10**40]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)
STREAM = [{"type": "message_start"}, {"choices": [{"delta": {"content": "{}"}}]}]
ROWS = [
    *(row(1, "hi", "{}", error=None, feedback={"thumb": "up"}), LITELLM, OTLP),
    *(LANGFUSE, LANGCHAIN, PORTKEY, BEDROCK, row(2, "hi", "", response=STREAM)),
]
QUICK = settings(
    max_examples=300, deadline=None, derandomize=True, database=None, phases=[Phase.generate]
)
set_hypothesis_home_dir(Path(gettempdir(), "hypothesis"))  # or it makes a folder here


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in JSON."""
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
    inner = [one for _, part in pairs if isinstance(part, dict | list) for one in places(part)]
    return [(value, key) for key, _ in pairs] + inner


def look(line: str) -> None:
    """A line is a call that is kept and read again, or it is counted."""
    skipped = Counter[str]()
    log = LogReader(datetime(2026, 11, 16, tzinfo=UTC), skipped)
    calls = log.read(line) + log.close()
    for call in calls:
        mask(call, FINDER)
        assert from_row(json.loads(dumps(call).encode())).id == call.id
    assert not all((calls, skipped))


@QUICK
@given(VALUES)
def test_any_json_is_a_line(value: Any) -> None:
    look(json.dumps(value))
    look(json.dumps({"request_id": "1", "request": {"messages": value}, "time": value}))


@QUICK
@given(st.sampled_from(ROWS), st.integers(0, 10**6), VALUES)
def test_any_value_may_stand_anywhere_in_a_call(line: Any, place: int, value: Any) -> None:
    line = deepcopy(line)
    found = places(line)
    container, key = found[place % len(found)]
    container[key] = value
    look(json.dumps(line))


@QUICK
@given(st.sampled_from([*VLLM, *NEWER_VLLM]), st.integers(0, 300), st.text(max_size=5))
def test_any_text_may_stand_in_a_line_of_vllm(line: str, place: int, inserted: str) -> None:
    look(line[:place] + inserted + line[place:])
