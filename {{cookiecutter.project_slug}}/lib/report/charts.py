"""Charts as SVG: text stays text, so labels of any script show, and equal numbers give equal bytes.

matplotlib draws them, without pyplot: no window, no global state. A user's own matplotlibrc changes
nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING
from unicodedata import east_asian_width
from warnings import catch_warnings, filterwarnings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#e69f00", "#009e73")  # Okabe & Ito: told apart by colour-blind readers
STYLE = {
    "svg.fonttype": "none",  # text, not outlines
    "svg.hashsalt": "charts",  # names of clip paths are made from it, or else drawn at random
    "text.parse_math": False,  # a label with $ is no formula
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # matplotlib brings it: every machine measures with it
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#ddd",
    "legend.frameon": False,
}
WIDTH, PANEL, ROW = 7.0, 2.2, 0.28  # inches

Line = list[tuple[float, float]]  # (x, y), by x


@dataclass(frozen=True)
class Panel:
    """A title, and lines by name; a line without a point is left out."""

    title: str
    lines: dict[str, Line]


def curves(x_name: str, panels: list[Panel]) -> str:
    """Draw panels above each other that share their x axis; y begins at 0, or below."""
    with drawing():
        figure = figure_of(PANEL * len(panels))
        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for panel, ax in zip(panels, axes, strict=True):
            draw_panel(panel, ax)
        axes[-1].set_xlabel(x_name)
        axes[-1].locator_params("x", integer=True)
        return as_svg(figure)


def draw_panel(panel: Panel, ax: "Axes") -> None:
    """Draw one panel."""
    ax.set_title(panel.title, loc="left", fontweight="bold", fontsize="medium")
    for (name, line), colour in zip(panel.lines.items(), COLOURS, strict=False):
        if line:
            ax.plot(*zip(*line, strict=True), color=colour, marker=".", label=name)
    if all(y >= 0 for line in panel.lines.values() for _, y in line):
        ax.set_ylim(bottom=0)
    if any(name for name, line in panel.lines.items() if line):
        ax.legend(loc="upper right", bbox_to_anchor=(1, 1.2), ncols=len(panel.lines))


def stacked_bars(title: str, parts: list[str], bars: dict[str, list[int]]) -> str:
    """Draw one bar for each label, its parts side by side in the order of `parts`."""
    with drawing():
        figure = figure_of(1.1 + ROW * len(bars))
        ax = figure.subplots()
        ax.set_title(title, loc="left", fontweight="bold", fontsize="medium")
        rows, left = range(len(bars)), [0] * len(bars)
        for at, (part, colour) in enumerate(zip(parts, COLOURS, strict=True)):
            counts = [found[at] for found in bars.values()]
            ax.barh(rows, counts, left=left, color=colour, label=part)
            left = [start + count for start, count in zip(left, counts, strict=True)]
        for row, total in zip(rows, left, strict=True):
            ax.annotate(f"{total:,}", (total, row), (4, 0), textcoords="offset points", va="center")
        ax.set_yticks(rows, [shortened(label) for label in bars])
        ax.grid(visible=False, axis="y")
        ax.invert_yaxis()
        ax.margins(x=0.1)
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(parts))
        return as_svg(figure)


def shortened(label: str, longest: int = 22) -> str:
    """Cut a label to what fits beside its bar; a Chinese character is as wide as two letters."""
    room = 0
    for at, letter in enumerate(label):
        room += 2 if east_asian_width(letter) in "WF" else 1
        if room > longest:
            return label[:at] + "…"
    return label


@contextmanager
def drawing() -> Iterator[None]:
    """Draw by the style of this file alone, whatever matplotlibrc the user has.

    A letter that the measuring font lacks is no matter: who reads the picture shows it in a font of
    theirs.
    """
    from matplotlib import style

    with catch_warnings(), style.context(["default", STYLE]):
        filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def figure_of(height: float) -> "Figure":
    """Return an empty figure of a height in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, height), layout="constrained")


def as_svg(figure: "Figure") -> str:
    """Return a figure as SVG without the time of day."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()
