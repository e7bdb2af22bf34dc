"""Format parts of a comment: quoted text, numbers, folded sections, sparklines."""

import re
from statistics import fmean

_LONGEST = 400  # characters of a quoted text
_BARS = "▁▂▃▄▅▆▇█"


def fenced(text: str) -> list[str]:
    """Return a code block that the text cannot break out of; a long text is truncated."""
    cut = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", cut))])
    return [f"{fence}text", *cut.split("\n"), fence]


def folded(title: str, body: list[str]) -> list[str]:
    """Fold lines under a title; `title` is HTML."""
    return ["<details>", f"<summary>{title}</summary>", "", *body, "", "</details>"]


def percent(share: float) -> str:
    """Format 0.628 as 62.8 %."""
    return f"{100 * share:.1f} %"


def points(share: float) -> str:
    """Format 0.031 as +3.1, and zero as 0.0 without a sign."""
    rounded = round(100 * share, 1)
    return f"{rounded:+.1f}" if rounded else "0.0"


def sparkline(values: list[float], low: float, high: float, width: int = 40) -> str:
    """Draw a curve in one line of text between `low` and `high`."""
    width = min(width, len(values))
    parts = [
        values[len(values) * at // width : len(values) * (at + 1) // width] for at in range(width)
    ]
    means = [fmean(part) for part in parts]
    steps = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((mean - low) * steps)] for mean in means)
