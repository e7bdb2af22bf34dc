"""Export quality signals of a growing log as Prometheus metrics on http://ADDRESS:PORT.

reads   LOG as it grows (and again when it is replaced), reports/monitor/reference.json
serves  llm_requests_total, llm_events_total{event}, llm_looked_at_total{event},
        llm_incidents_total{kind}, llm_skipped_lines_total{reason}, llm_latency_seconds,
        and the reference: llm_release_ratio{event}, llm_limit_ratio{event}

Only counts are exported, no texts. monitor/prometheus/rules.yml has the alerts.
"""

import argparse
import time
from collections import Counter as Counts
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from lib.core.config import load
from lib.curate.params import CurateParams
from lib.monitoring.access import AccessLog
from lib.monitoring.calls import Call
from lib.monitoring.incidents import KINDS
from lib.monitoring.log_reader import LogReader
from lib.monitoring.masked import mask_all
from lib.monitoring.params import MonitorParams
from lib.monitoring.readers import batches
from lib.monitoring.reference import read_reference
from lib.monitoring.window import BATCH, Observer
from lib.pii.redact import Finder
from lib.runtime.errors import CommandLine, UserError, run
from monitor.reading import observer

EVERY = 5.0  # seconds between two reads of the log
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30)


class Metrics:
    """The Prometheus series; calls are added to them."""

    def __init__(self, watcher: Observer, params: MonitorParams) -> None:
        self.watcher, self.registry = watcher, CollectorRegistry()
        registry = self.registry
        self.requests = Counter("llm_requests", "Requests in the log.", registry=registry)
        self.events = Counter(
            "llm_events", "Requests with the event.", ["event"], registry=registry
        )
        self.looked = Counter(
            "llm_looked_at", "Requests that could have the event.", ["event"], registry=registry
        )
        self.incidents = Counter("llm_incidents", "Incidents.", ["kind"], registry=registry)
        self.skipped = Counter("llm_skipped_lines", "No requests.", ["reason"], registry=registry)
        self.latency = Histogram(
            "llm_latency_seconds", "Whole answers.", buckets=_SECONDS, registry=registry
        )
        for kind in KINDS:  # a counter that first appears with an incident shows no rise
            self.incidents.labels(kind)
        release = Gauge("llm_release_ratio", "Share at release.", ["event"], registry=registry)
        for event in watcher.release.counts.of:
            release.labels(event).set(watcher.release.counts.rate(event))
            self.events.labels(event)
        limit = Gauge("llm_limit_ratio", "Share at most.", ["event"], registry=registry)
        for event, share in params.limits.model_dump().items():
            limit.labels(event).set(share)

    def add(self, calls: list[Call]) -> None:
        """Count calls."""
        window = self.watcher.observe(calls)
        self.requests.inc(window.calls)
        for event, count in window.counts.of.items():
            self.looked.labels(event).inc(count)
            self.events.labels(event).inc(window.counts.seen[event])
        for kind in KINDS:
            self.incidents.labels(kind).inc(window.kinds[kind])
        for call in calls:
            if call.latency_ms is not None:
                self.latency.observe(call.latency_ms / 1000)

    def skip(self, skipped: Counts[str]) -> None:
        """Count skipped lines, and clear them."""
        for reason, count in skipped.items():
            self.skipped.labels(reason).inc(count)
        skipped.clear()


class Tail:
    """Yields the new complete lines of a file that grows, is truncated or replaced."""

    def __init__(self, path: Path) -> None:
        self.path, self.at, self.inode = path, 0, 0

    def lines(self) -> Iterator[str]:
        """Yield the lines written since the last call."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            now = self.path.stat()
            if now.st_ino != self.inode or now.st_size < self.at:
                self.inode, self.at = now.st_ino, 0
            file.seek(self.at)
            for line in file:
                if not line.endswith(b"\n"):
                    return  # still being written
                self.at += len(line)
                yield line.decode("utf-8", "replace")


def look(tail: Tail, log: LogReader, metrics: Metrics, finder: Finder) -> None:
    """Count the new requests of the log."""
    log.vllm.until = datetime.now(UTC)
    for batch in batches(mask_all(_new_calls(tail, log), finder), BATCH):
        metrics.add(batch)
    metrics.skip(log.skipped)


def _new_calls(tail: Tail, log: LogReader) -> Iterator[Call]:
    for line in tail.lines():
        yield from log.read(line)
    yield from log.failures()
    log.access = AccessLog()


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = CommandLine("monitor.exporter", __doc__)
    parser.add_argument("log", type=Path, metavar="LOG")
    help_text = "default: %(default)s"
    parser.add_argument("port", type=port, nargs="?", default=9464, metavar="PORT", help=help_text)
    parser.add_argument(
        "address", nargs="?", default="127.0.0.1", metavar="ADDRESS", help=help_text
    )
    return parser.parse_args()


def port(text: str) -> int:
    """Read a port of the command line."""
    if not (text.isdecimal() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"the port is {text!r}; it must be from 1 to 65535")
    return int(text)


def main() -> None:
    """Serve until stopped."""
    args = parse_args()
    params = load("monitor", MonitorParams)
    metrics = Metrics(observer(read_reference(), params), params)
    finder, tail = Finder(load("curate", CurateParams).pii), Tail(args.log)
    log = LogReader(datetime.now(UTC), Counts[str]())
    look(tail, log, metrics, finder)
    try:
        start_http_server(args.port, args.address, metrics.registry)
    except OSError as error:
        raise UserError(f"{args.address}:{args.port}: {error.strerror}; name another") from None
    print(f"exporter: http://{args.address}:{args.port}/metrics from {tail.path}", flush=True)
    while True:
        time.sleep(EVERY)
        look(tail, log, metrics, finder)


if __name__ == "__main__":
    run(main, arguments=True)
