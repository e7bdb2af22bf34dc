"""Read the requests of a window from log files."""

from collections import Counter
from collections.abc import Iterator
from math import inf
from typing import NamedTuple

from lib.core.config import load
from lib.core.params import TaskParams
from lib.curate.params import CurateParams
from lib.monitoring.calls import Call
from lib.monitoring.masked import masked_calls
from lib.monitoring.params import MonitorParams
from lib.monitoring.reference import Reference
from lib.monitoring.window import Observer, Window
from lib.pii.redact import Finder
from lib.release.params import GateParams
from lib.runtime.errors import UserError
from lib.similarity.params import DedupParams

NOT_ASKED = ("not_sampled", "outside_window", "other_model")  # requests that could be read


def observer(release: Reference, params: MonitorParams) -> Observer:
    """Build the window that counts calls by this project's task, gate and cases."""
    slow = load("gate", GateParams).latency.e2e_ms_p95
    task, dedup = load("task", TaskParams), load("dedup", DedupParams)
    return Observer(task, dedup, release, slow, params.negative_outcomes)


class Slice(NamedTuple):
    """The selected requests of the logs: time range and model."""

    since: float = -inf  # seconds since 1970
    until: float = inf  # not itself in it
    model: str | None = None  # all of them; a request whose log names no model is of each


def read_logs(
    patterns: list[str], params: MonitorParams, skipped: Counter[str], wanted: Slice
) -> Iterator[Call]:
    """Yield the calls of a window, sampled and masked."""
    finder = Finder(load("curate", CurateParams).pii)
    for call in masked_calls(patterns, params.sample, finder, skipped):
        if not wanted.since <= call.time < wanted.until:
            skipped["outside_window"] += 1
        elif wanted.model and call.model not in (wanted.model, ""):
            skipped["other_model"] += 1
        else:
            yield call


def observe(
    patterns: list[str], wanted: Slice, params: MonitorParams, release: Reference
) -> tuple[Window, Counter[str]]:
    """Read and count the window; return it and the lines left out, by reason."""
    skipped = Counter[str]()
    window = observer(release, params).observe(read_logs(patterns, params, skipped, wanted))
    unmet = skipped["other_model"] and wanted.model not in window.models  # a typing error
    if unmet or not window.calls:
        why = ", ".join(f"{count:,} {reason}" for reason, count in skipped.most_common())
        if not any(skipped[reason] for reason in NOT_ASKED):
            raise UserError(
                f"LOGS: no request could be read from {' '.join(patterns)} "
                f"({why or 'no lines'}); monitor/README.md has the formats"
            )
        raise UserError(
            f"LOGS: no request is left to look at ({why}); change --since, --until or --model, or "
            "monitor.sample in params.yaml"
        )
    return window, skipped
