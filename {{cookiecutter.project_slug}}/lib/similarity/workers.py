"""Work on a file in blocks of lines, shared by processes of this machine or of a cluster."""

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from lib.runtime.errors import UserError
from lib.runtime.pool import pool
from lib.runtime.progress import tell_progress
from lib.similarity.params import DedupParams

PARTITIONS = 1024  # parts of the work for a cluster
BLOCK = 1 << 20  # bytes of a file per task

Each = Callable[[Callable[[Any], Any], list[Any]], Iterable[Any]]  # works like `map`
Block = tuple[int, int]  # begin and end of its lines, in bytes


def blocks(path: str | Path) -> Iterator[Block]:
    """Yield blocks of whole lines of a file, each about BLOCK bytes; UserError if it is missing."""
    try:
        with Path(path).open("rb") as file:
            size, start = Path(path).stat().st_size, 0
            while start < size:
                file.seek(start + BLOCK)
                file.readline()
                end = min(file.tell(), size)
                yield start, end
                start = end
    except FileNotFoundError:
        raise UserError(f"{path}: not found; `dvc repro` runs the stage that writes it") from None


def read_block(path: str | Path, block: Block) -> list[bytes]:
    """Read the lines of a block, with their line ends."""
    with Path(path).open("rb") as file:
        file.seek(block[0])
        return file.read(block[1] - block[0]).splitlines(keepends=True)


@contextmanager
def workers(params: DedupParams, what: str) -> Iterator[Each]:
    """Provide the `map` for `dedup.engine` and `processes`; `what` labels the progress bar."""
    with cluster() if params.engine == "daft-ray" else processes(params.processes, what) as each:
        yield each


class Task(NamedTuple):
    """A part of the work, and the function to call on it."""

    what: str
    work: Callable[[Any], Any]
    part: Any

    def __str__(self) -> str:
        return self.what


def doer() -> Callable[[Task], Any]:
    """Return the function that runs a task."""
    return done


def done(task: Task) -> Any:
    """Run a task."""
    return task.work(task.part)


@contextmanager
def processes(count: int, what: str) -> Iterator[Each]:
    """Provide a `map` over `count` processes of this machine."""
    with pool(count, doer) as shared:
        yield partial(_shown, what, shared)


@contextmanager
def cluster() -> Iterator[Each]:
    """Provide a `map` over the Ray cluster at RAY_ADDRESS, by Daft; `local` starts one here.

    `lib` is sent to the cluster; the project's folder must be at the same path on all machines.
    Raises UserError where a package or the cluster is missing.
    """
    if not os.environ.get("RAY_ADDRESS"):
        raise UserError(
            "params.yaml: dedup.engine: daft-ray needs the environment variable RAY_ADDRESS, such "
            "as 10.0.0.1:6379 or ray://10.0.0.1:10001; `local` starts Ray on this machine"
        )
    check_address(os.environ["RAY_ADDRESS"])
    try:
        import daft
        import ray
    except ImportError as error:
        raise UserError(
            f"params.yaml: dedup.engine: daft-ray needs {error.name}, which is not installed; "
            "`pip install .[cluster]` in an environment of its own"
        ) from None
    try:
        ray.init(runtime_env={"py_modules": [str(Path("lib").resolve())]}, log_to_driver=False)
    except ConnectionError:
        raise UserError(
            f"RAY_ADDRESS: no Ray cluster accepts a connection at {os.environ['RAY_ADDRESS']}; "
            "`ray status "
            "--address ...` shows whether it runs, and whether it requires a token (RAY_AUTH_MODE)"
        ) from None
    try:
        daft.set_runner_ray(noop_if_initialized=True)
        yield _mapped_by_daft
    finally:
        ray.shutdown()


def check_address(address: str) -> None:
    """Raise UserError if nothing listens at host:port; ray.init would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:  # `local` or `auto`
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, ValueError, OverflowError) as error:
        raise UserError(
            f"RAY_ADDRESS: nothing listens at {address} ({error}); it is host:port or "
            "ray://host:port of a Ray cluster's head"
        ) from None


def _mapped_by_daft(work: Callable[[Any], Any], parts: list[Any]) -> Iterable[Any]:
    import daft

    home = Path.cwd()

    @daft.func(return_dtype=daft.DataType.python())
    def done(part: Any) -> Any:
        os.chdir(home)  # a worker starts in the folder where Ray was started on its machine
        try:
            return work(part)
        except UserError as error:
            return error

    if not parts:
        return []
    column = daft.Series.from_pylist(parts, "part", dtype=daft.DataType.python())
    rows = daft.from_pydict({"number": list(range(len(parts))), "part": column})
    rows = rows.into_partitions(min(len(parts), PARTITIONS))
    found = rows.select(rows["number"], done(rows["part"]).alias("done")).to_pydict()
    results = dict(zip(found["number"], found["done"], strict=True))
    for result in results.values():
        if isinstance(result, UserError):
            raise result
    return [results[number] for number in range(len(parts))]


def _shown(
    what: str,
    shared: Callable[[Iterable[Task]], Iterable[Any]],
    work: Callable[[Any], Any],
    parts: list[Any],
) -> Iterable[Any]:
    results = shared(Task(what, work, part) for part in parts)
    return tell_progress(what, results, len(parts))
