"""How far long work is: a bar in a terminal, a line now and then in a log."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

LINE_EVERY = 30  # seconds between two lines of a log, and before the first


class _Lines:
    """A file for tqdm that writes a line where a terminal would draw the bar again."""

    def write(self, text: str) -> None:
        """Write what is to be read; drop what only moves the cursor and clears a bar."""
        if line := text.strip():
            print(line, file=sys.stderr, flush=True)

    def flush(self) -> None:
        """Do nothing: each line is flushed as it is written."""


def tell_progress(
    what: str, parts: Iterable[Any] | None = None, total: int | None = None, unit: str = "part"
) -> "tqdm[Any]":
    """Show on standard error how far work is: iterate over `parts`, or call `update` of the result.

    Short work shows nothing. Without a terminal, as in CI, TQDM_DISABLE is not asked: a line in
    half a minute disturbs nobody.
    """
    if sys.stderr.isatty():
        return tqdm(parts, what, total, unit=f" {unit}s", delay=2, mininterval=1, leave=False)
    left = "{n_fmt} of {total_fmt} {unit}, about {remaining} left" if total else "{n_fmt} {unit}"
    return tqdm(
        parts, what, total, unit=f"{unit}s", leave=False, disable=False, file=_Lines(),
        delay=LINE_EVERY, mininterval=LINE_EVERY, bar_format=f"{{desc}}: {left}",
    )  # fmt: skip
