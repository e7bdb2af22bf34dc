"""Curves as SVG, panels above each other: text stays text, and equal numbers give equal bytes."""

import math
from dataclasses import dataclass
from html import escape

from lib.report.bars import COLOURS, STYLE

Line = list[tuple[float, float]]  # (x, y), by x
LEFT, WIDTH, HEIGHT, GAP = 80, 560, 150, 60  # pixels


@dataclass(frozen=True)
class Panel:
    """A title, and lines by name; a line without a point is left out."""

    title: str
    lines: dict[str, Line]


def curves(x_name: str, panels: list[Panel]) -> str:
    """A picture of panels that share their x axis."""
    places = [x for panel in panels for line in panel.lines.values() for x, _ in line]
    last = max(places, default=1.0)
    height = GAP + (HEIGHT + GAP) * len(panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 40}" '
        f'height="{height}" {STYLE}>',
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for at, panel in enumerate(panels):
        parts += draw(panel, last, GAP + (HEIGHT + GAP) * at)
    middle = LEFT + WIDTH / 2
    parts.append(f'<text x="{middle}" y="{height - 12}" text-anchor="middle">{x_name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def draw(panel: Panel, last: float, top: int) -> list[str]:
    """One panel, its upper edge at `top`, x from 0 to `last`, y from 0 (or below) to the top."""
    lines = {name: line for name, line in panel.lines.items() if line}
    values = [y for line in lines.values() for _, y in line]
    low, step, count = ticks(min(values, default=0.0), max(values, default=1.0))
    bottom = top + HEIGHT

    def px(x: float) -> float:
        return LEFT + WIDTH * x / last

    def py(y: float) -> float:
        return bottom - HEIGHT * (y - low) / (step * count)

    parts = [f'<text x="{LEFT}" y="{top - 14}" font-weight="bold">{escape(panel.title)}</text>']
    for number in range(count + 1):
        value = low + step * number
        y = py(value)
        parts.append(f'<path d="M{LEFT} {y:.1f}h{WIDTH}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.4g}</text>')
    for number in range(5):
        x = last * number / 4
        label = f'<text x="{px(x):.1f}" y="{bottom + 18}" text-anchor="middle">{x:.0f}</text>'
        parts.append(label)
    for at, ((name, line), colour) in enumerate(zip(lines.items(), COLOURS, strict=False)):
        points = " ".join(f"{px(x):.1f},{py(y):.1f}" for x, y in line)
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        x, y = line[-1]
        parts.append(f'<circle cx="{px(x):.1f}" cy="{py(y):.1f}" r="3" fill="{colour}"/>')
        if name:
            left = LEFT + WIDTH - 60 * (len(lines) - at)
            parts.append(f'<text x="{left}" y="{top - 14}" fill="{colour}">{escape(name)}</text>')
    return parts


def ticks(low: float, high: float) -> tuple[float, float, int]:
    """Lowest tick, distance and number of distances: round numbers that hold low and high."""
    low = min(low, 0.0)
    rough = ((high - low) or 1.0) / 4
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    first = math.floor(low / step)
    return first * step, step, max(math.ceil(high / step) - first, 1)
