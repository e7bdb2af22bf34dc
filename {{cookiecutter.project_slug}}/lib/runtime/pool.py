"""Share work among processes of this machine: results in order, a few parts in memory at a time."""

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from typing import Any, TypeVar

from lib.runtime.errors import UserError
from lib.runtime.processes import die_with_parent

AHEAD = 2  # parts given to each process before the first of them is done

P = TypeVar("P")
R = TypeVar("R")


@contextmanager
def pool(
    count: int, make: Callable[[], Callable[[P], R]]
) -> Iterator[Callable[[Iterable[P]], Iterator[R]]]:
    """Provide a `map` of what `make` makes over parts, by `count` processes that end with this one.

    Each process calls `make` once. Parts are consumed lazily, and results come in the order of the
    parts. `make`, parts and results must be picklable; an error message shows the `str` of the part
    that was being processed.
    """
    if count == 1:
        yield partial(map, make())
        return
    executor = ProcessPoolExecutor(count, get_context("spawn"), _begin, (make,))
    try:
        yield partial(_in_order, executor, count * AHEAD)
    finally:
        executor.shutdown(cancel_futures=True)


class _Own:
    """The function of this worker process."""

    make: Callable[[], Callable[[Any], Any]]
    work: Callable[[Any], Any] | None = None


def _begin(make: Callable[[], Callable[[Any], Any]]) -> None:
    """Ignore Ctrl-C in this worker: the parent process handles it and ends all workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    _Own.make = staticmethod(make)


def _work(part: Any) -> Any:
    if _Own.work is None:  # not earlier, so that an error in it is reported with a part
        _Own.work = staticmethod(_Own.make())
    return _Own.work(part)


def _in_order(executor: ProcessPoolExecutor, most: int, parts: Iterable[Any]) -> Iterator[Any]:
    waiting = deque[tuple[Any, Future[Any]]]()
    for part in parts:
        waiting.append((part, _submitted(executor, part)))
        if len(waiting) == most:
            yield _result(*waiting.popleft())
    while waiting:
        yield _result(*waiting.popleft())


def _submitted(executor: ProcessPoolExecutor, part: Any) -> Future[Any]:
    try:
        return executor.submit(_work, part)
    except BrokenProcessPool as error:
        raise lost(part) from error


def _result(part: Any, future: Future[Any]) -> Any:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise lost(part) from error


def lost(part: Any) -> UserError:
    """Build the error that names the part that a killed process was working on."""
    return UserError(
        f"{part}: a process that worked on this part or one near it was killed, perhaps out of "
        "memory; set `processes` lower in params.yaml"
    )
