"""Pages for the browser in one file each: no server, no network, any language, light and dark.

    body = [Html("<h2>Quality</h2>"), table(["system", "score"], [["tuned", bar(0.7, 0.6, 0.8)]])]
    text = page("Evaluation", body)

Every text goes through `escaped`; only what is already `Html` stays as it is. A page may run the
one script it was made with (a content security policy holds its hash) and load nothing.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; --text: #1c2024; --soft: #5b6570; --back: #fff; --card: #f6f7f9;
  --line: #d5d9de; --accent: #0a5fb4; --good: #0b6b3a; --good-back: #d9f2e3; --bad: #a3261c;
  --bad-back: #fbe2df; --shade: 10, 95, 180 }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ec; --soft: #9aa5b1; --back: #14171a;
  --card: #1c2126; --line: #353c44; --accent: #6db3f8; --good: #7bdba4; --good-back: #143a27;
  --bad: #ff9d93; --bad-back: #4a1d19; --shade: 109, 179, 248 } }
* { box-sizing: border-box }
body { font: 15px/1.55 system-ui, sans-serif; color: var(--text); background: var(--back);
  max-width: 72rem; margin: 0 auto; padding: 1rem 1rem 4rem }
h1 { font-size: 1.5rem; margin: .5rem 0 } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem }
p { margin: .4rem 0; max-width: 46rem } .soft { color: var(--soft) }
a { color: var(--accent) }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .9rem .25rem 0; text-align: start; vertical-align: top;
  border-bottom: 1px solid var(--line) }
th { font-weight: 600 } thead th { color: var(--soft); white-space: nowrap }
td.number { text-align: end; white-space: nowrap }
small { white-space: nowrap }
svg.bar { display: inline-block; vertical-align: -2px; margin-inline-end: .6rem }
svg .track { fill: var(--line) } svg .value { fill: var(--accent) }
svg .interval { stroke: var(--text); stroke-width: 1.5 }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
"""
BAR, HEIGHT = 120, 14  # pixels

Cell = str | int


class Html(str):
    """Markup, which needs no escaping."""


def escaped(value: object) -> Html:
    """A text as HTML shows it, in element or attribute; `Html` stays as it is."""
    return value if isinstance(value, Html) else Html(escape(str(value)))


def join(parts: Iterable[object], between: str = "\n") -> Html:
    """Parts one after another, those that are text escaped."""
    return Html(between.join(map(escaped, parts)))


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Html:
    """A table; the first cell of a row names it, whole numbers stand to the right.

    It scrolls by itself where the screen is narrower.
    """
    names = "".join(f'<th scope="col">{escaped(name)}</th>' for name in head)
    lines = [f"<tr>{''.join(map(cell, range(len(row)), row))}</tr>" for row in rows]
    body = "\n".join(lines)
    return Html(
        '<div class="wide" tabindex="0"><table>\n'
        f"<thead><tr>{names}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def cell(at: int, value: Cell) -> str:
    """One cell of a row, its number given."""
    if at == 0:
        return f'<th scope="row" dir="auto">{escaped(value)}</th>'
    if isinstance(value, int):
        return f'<td class="number">{value:,}</td>'
    return f'<td dir="auto">{escaped(value)}</td>'


def bar(value: float, low: float | None = None, high: float | None = None) -> Html:
    """A share from 0 to 1 as a bar with its interval, and as percent, as SVG."""
    interval, words = "", f"{value:.1%}"
    if low is not None and high is not None:
        middle, left, right = HEIGHT / 2, BAR * low, BAR * high
        interval = (
            f'<path class="interval" d="M{left:.1f} {middle}H{right:.1f}'
            f'M{left:.1f} 3V{HEIGHT - 3}M{right:.1f} 3V{HEIGHT - 3}"/>'
        )
        words += f' <small class="soft">{low:.1%} to {high:.1%}</small>'
    return Html(
        f'<svg class="bar" width="{BAR}" height="{HEIGHT}" aria-hidden="true">'
        f'<rect class="track" width="{BAR}" height="{HEIGHT}" rx="2"/>'
        f'<rect class="value" width="{BAR * value:.1f}" height="{HEIGHT}" rx="2" opacity=".75"/>'
        f"{interval}</svg>{words}"
    )


def data(key: str, value: Any) -> Html:
    """A value for the page's script: `JSON.parse(document.getElementById(key).textContent)`.

    Nothing in it can end the element: `<`, `>` and `&` are written as JSON escapes.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Html(f'<script type="application/json" id="{escaped(key)}">{text}</script>')


def page(title: str, body: Iterable[object], style: str = "", script: str = "") -> str:
    """A whole page; `style` and `script` are your own code, never text of data or models."""
    digest = b64encode(sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    head = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escaped(title)}</title>",
        f"<style>{STYLE}{style}</style>\n</head>\n<body>\n<h1>{escaped(title)}</h1>",
    ]
    end = f"<script>{script}</script>\n" if script else ""
    return "\n".join([*head, join(body), f"{end}</body>\n</html>\n"])
