"""Draw charts as SVG with text as text, byte-identical for equal numbers.

Text as text shows labels of any script. matplotlib is used without pyplot: no window, no global
state. The user's own matplotlibrc has no effect.
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

COLOURS = ("#0072b2", "#e69f00", "#009e73")  # Okabe & Ito: distinguishable by color-blind readers
STYLE = {
    "svg.fonttype": "none",  # text, not outlines
    "svg.hashsalt": "charts",  # for the names of clip paths, which are random otherwise
    "text.parse_math": False,  # a label with $ is not a formula
    "font.family": "sans-serif",
    "font.sans-serif": [
        "DejaVu Sans"
    ],  # shipped with matplotlib: the same measurements on every machine
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
    """A title, and lines by name; lines without points are left out."""

    title: str
    lines: dict[str, Line]


def curves(x_name: str, panels: list[Panel]) -> str:
    """Draw stacked panels with a common x axis; y begins at 0 or below."""
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
    """Shorten a label to fit beside its bar; a Chinese character is as wide as two letters."""
    room = 0
    for at, letter in enumerate(label):
        room += 2 if east_asian_width(letter) in "WF" else 1
        if room > longest:
            return label[:at] + "…"
    return label


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in the style of this file, independent of the user's matplotlibrc.

    Letters missing in the font used for measuring are fine: the viewer's own font shows them.
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
    """Return a figure as SVG without a timestamp."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()
