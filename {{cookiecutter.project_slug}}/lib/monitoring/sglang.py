"""Read SGLang's request log: `--log-requests --log-requests-format json`.

Below `--log-requests-level 2` it has no texts, and for a streamed answer only the last part: such
requests count as withheld.
"""

from typing import Any

from lib.monitoring.answers import LoggedAnswer, finish_of
from lib.monitoring.calls import Call, complete
from lib.monitoring.fields import BadCall, at, id_text, number, read_error, text, timestamp
from lib.monitoring.usage import tokens_of
from lib.monitoring.vllm_log import turns

EVENTS = ("request.received", "request.finished")


def is_sglang(row: dict[str, Any]) -> bool:
    """Tell whether an object is a line of this log."""
    return "rid" in row and row.get("event") in EVENTS


def from_sglang(row: dict[str, Any]) -> Call:
    """Read a finished request; raise BadCall for a line of a received one."""
    if row["event"] != EVENTS[1]:
        raise BadCall("other_line")
    meta, asked = at(row, "out", "meta_info"), text(at(row, "obj", "text"))
    said, lapse = at(row, "out", "text"), number(at(meta, "e2e_latency"))
    reason = at(meta, "finish_reason")
    kind = at(reason, "type") if isinstance(reason, dict) else reason
    end = timestamp(row.get("timestamp"))
    tokens_in, tokens_out = tokens_of(meta)
    return complete(
        Call(
            time=end - (lapse or 0),
            id=id_text(row["rid"]),
            model="",
            messages=turns(asked),
            answer="",
            input_tokens=tokens_in,
            output_tokens=tokens_out,
            latency_ms=None if lapse is None else lapse * 1000,
            error=read_error(at(reason, "message")) if kind == "abort" else None,
            withheld=not asked or said is None or at(row, "obj", "stream") is True,
        ),
        LoggedAnswer(text(said), finish_of(kind)),
    )
