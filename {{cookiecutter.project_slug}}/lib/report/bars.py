"""Stacked bars as SVG: text stays text, so labels of any script show, and bytes never change."""

from html import escape
from unicodedata import east_asian_width

COLOURS = ("#0072b2", "#e69f00", "#009e73")  # Okabe & Ito: told apart by colour-blind readers
LABEL, WIDTH, ROW, TOP = 170, 480, 22, 62  # pixels
STYLE = 'font-family="sans-serif" font-size="13" fill="#222"'


def stacked_bars(title: str, parts: list[str], bars: dict[str, list[int]]) -> str:
    """A picture with one bar for each label, its parts side by side in the order of `parts`."""
    longest = max(map(sum, bars.values()), default=0) or 1
    height = TOP + ROW * len(bars) + 8
    size = f'width="{LABEL + WIDTH + 70}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {STYLE}>',
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="10" y="22" font-size="15" font-weight="bold">{escape(title)}</text>',
    ]
    for at, (part, colour) in enumerate(zip(parts, COLOURS, strict=True)):
        left = LABEL + 80 * at
        lines.append(f'<rect x="{left}" y="36" width="12" height="12" fill="{colour}"/>')
        lines.append(f'<text x="{left + 17}" y="47">{escape(part)}</text>')
    for row, (label, counts) in enumerate(bars.items()):
        x, y = float(LABEL), TOP + ROW * row
        name = escape(shortened(label))
        lines.append(f'<text x="{LABEL - 8}" y="{y + 13}" text-anchor="end">{name}</text>')
        for count, colour in zip(counts, COLOURS, strict=True):
            width = WIDTH * count / longest
            place = f'x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 6}"'
            lines.append(f'<rect {place} fill="{colour}"/>')
            x += width
        lines.append(f'<text x="{x + 6:.1f}" y="{y + 13}">{sum(counts):,}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def shortened(label: str, longest: int = 22) -> str:
    """A label that fits beside its bar; a Chinese character takes the room of two letters."""
    room = 0
    for at, letter in enumerate(label):
        room += 2 if east_asian_width(letter) in "WF" else 1
        if room > longest:
            return label[:at] + "…"
    return label
