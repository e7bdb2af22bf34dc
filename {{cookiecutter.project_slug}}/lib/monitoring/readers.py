"""Log files as calls: each request once, whichever logs tell of it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path

from lib.monitoring.access import AccessLog
from lib.monitoring.calls import Call
from lib.monitoring.joined import Joined
from lib.monitoring.lines import log_lines
from lib.monitoring.log_reader import LogReader

# What a sound log holds besides requests to the model.
NO_REQUEST = ("other_call", "other_line", "copy")
BESIDES = (
    "text_line",
    "other_row",
)  # sound in a file that has requests; else it was not understood


def read_logged_calls(paths: Iterable[Path], skipped: Counter[str]) -> Iterator[Call]:
    """Yield every call in the files once, in order; other lines are counted in `skipped` by reason.

    Copies are told by a hash of 8 bytes: a log that was rotated, compressed, sent again, or written
    by two loggers, of which one has times to the millisecond.
    """
    seen, joined = set[bytes](), Joined(skipped)
    for ready in chain(map(joined.take, _read_files(paths, skipped)), [None]):
        for call in joined.rest() if ready is None else ready:
            said = "\x00".join((call.id, str(int(call.time)), call.error or "", call.answer))
            key = blake2b(said.encode(), digest_size=8).digest()
            if key in seen:
                skipped["copy"] += 1
            else:
                seen.add(key)
                yield call


def batches(calls: Iterable[Call], size: int) -> Iterator[list[Call]]:
    """Yield calls in batches."""
    waiting = iter(calls)
    while batch := list(islice(waiting, size)):
        yield batch


def _read_files(paths: Iterable[Path], skipped: Counter[str]) -> Iterator[Call]:
    """Yield the calls of files.

    Where no other log tells of requests, those that only access logs have are calls without texts.
    """
    silent, told = list[AccessLog](), False
    for path in paths:
        inside = Counter[str]()
        log, found = LogReader(datetime.fromtimestamp(path.stat().st_mtime, UTC), inside), False
        for call in _calls_of(log, path):
            found = True
            yield call
        yield from log.failures()
        if not found and not any(inside[reason] for reason in NO_REQUEST):
            inside["unknown_line"] = sum(inside.pop(reason, 0) for reason in BESIDES)
        skipped.update(+inside)
        told = told or found
        silent = [] if told else [*silent, log.access]
    for access in silent:
        skipped.subtract({"other_line": len(access.ids)})
        yield from access.answered()
    skipped += Counter()  # without what is 0 now


def _calls_of(log: LogReader, path: Path) -> Iterator[Call]:
    for line in log_lines(path):
        yield from log.read(line)
    yield from log.close()
