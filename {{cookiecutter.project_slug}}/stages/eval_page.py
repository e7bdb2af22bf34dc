"""Put every answer of every system on one page to look at: offline, in one file, filtered at will.

reads   predictions/*.jsonl, metrics/eval/*.json, stages/eval_page.js
writes  reports/eval.html
"""

from collections import Counter, defaultdict
from pathlib import Path
from statistics import fmean
from typing import Any

from lib.evaluate.predictions import (
    Row,
    case_key,
    of_sets,
    present,
    read_predictions,
    score,
    slices_of,
)
from lib.evaluate.rates import RATES
from lib.evaluate.scoring import CATEGORIES
from lib.evaluate.stats import wilson_interval
from lib.report.page import Cell, Html, bar, data, escaped, join, page, table
from lib.runtime.errors import UserError, run
from lib.runtime.files import atomic_text, read_json

PAGE = Path("reports/eval.html")
SCRIPT = Path("stages/eval_page.js")
SCORED = ("golden", "test")
SETS = (*SCORED, "adversarial")
STYLE = """
details { margin: .4rem 0 } summary { cursor: pointer; font-weight: 600 }
form.filters { display: flex; flex-wrap: wrap; gap: .5rem .8rem; align-items: end; margin: .6rem 0 }
form.filters label { display: grid; font-size: .8rem; color: var(--soft) }
select, input, button { font: inherit; color: var(--text); background: var(--card);
  border: 1px solid var(--line); border-radius: 4px; padding: .2rem .5rem; max-width: 15rem }
button { cursor: pointer } button:disabled { opacity: .4; cursor: default }
td button { border: 0; background: none; color: var(--accent); text-decoration: underline;
  padding: 0 }
article { border: 1px solid var(--line); border-radius: 6px; padding: .5rem .8rem; margin: .7rem 0 }
article h3 { font-size: .85rem; font-weight: 400; color: var(--soft); margin: 0 }
article h3 b { color: var(--text) } article h4 { font-size: .85rem; margin: .4rem 0 .1rem }
pre { font: .85rem/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere;
  margin: .3rem 0; background: var(--card); padding: .4rem .6rem; border-radius: 4px }
pre.prompt { font: inherit; background: none; padding: 0 }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr));
  gap: .2rem 1rem }
.badge { font-weight: 600; font-size: .75rem; padding: 0 .4rem; border-radius: 3px;
  background: var(--line) }
.good { color: var(--good); background: var(--good-back) }
.bad { color: var(--bad); background: var(--bad-back) }
mark { color: inherit; background: color-mix(in srgb, var(--accent) 30%, transparent);
  border-radius: 2px }
#confusion-table td { padding: .2rem .5rem; border: 1px solid var(--line) }
td.hit { font-weight: 700 }
nav { display: flex; gap: .8rem; align-items: center; margin: .6rem 0 }
"""
FILTERS = {
    "left": "left",
    "right": "right",
    "change": "change",
    "set": "set",
    "scenario": "scenario",
    "language": "language",
    "tag": "tag",
    "category": "category (right)",
}

Metrics = dict[str, Any]
Answers = dict[str, list[Row]]


def headline(metrics: dict[str, Metrics], answers: Answers) -> Html:
    """Score and safety of each system, with 95 % intervals."""
    rows: list[list[Cell]] = []
    for name, found in metrics.items():
        cells: list[Cell] = [name]
        for part in SCORED:
            one = found.get(part)
            known = one and bar(one["score"], one["score_low"], one["score_high"])
            cells.append(known or "no cases")
        attacks = of_sets(answers[name], "adversarial")
        for failed, asked in (rate.counted(attacks) for rate in RATES.values()):
            share = bar(failed / asked, *wilson_interval(failed, asked)) if asked else ""
            cells.append(share or "no cases")
        rows.append(cells)
    return table(["system", "golden score", "test score", *RATES], rows)


def failures(part: str, answers: Answers) -> Html:
    """How often each category occurs in a set; a count is a button that shows its cases."""
    counts = {
        name: Counter(row["category"] for row in of_sets(rows, part))
        for name, rows in answers.items()
    }
    rows: list[list[Cell]] = []
    for category in CATEGORIES:
        if any(found[category] for found in counts.values()):
            cells = [count(name, part, category, found[category]) for name, found in counts.items()]
            rows.append([category, *cells])
    return table(["category", *counts], rows)


def count(system: str, part: str, category: str, number: int) -> Html:
    """A number that leads to its cases."""
    if not number:
        return Html("0")
    where = f'data-system="{escaped(system)}" data-set="{part}" data-category="{escaped(category)}"'
    label = f"{number} {category} of {system}, {part}"
    return Html(f'<button {where} aria-label="{escaped(label)}">{number:,}</button>')


def slices(part: str, answers: Answers) -> Html:
    """The mean score of each system in each slice of a set."""
    scores: dict[str, dict[str, list[float]]] = {}
    for system, rows in answers.items():
        for row in of_sets(rows, part):
            for name in slices_of(row):
                scores.setdefault(name, defaultdict(list))[system].append(score(row))
    lines: list[list[Cell]] = []
    for name, found in sorted(scores.items()):
        means = [bar(fmean(one)) if (one := found[system]) else "" for system in answers]
        lines.append([name, max(map(len, found.values())), *means])
    return table(["slice", "cases", *answers], lines)


def folded(title: str, body: Html, is_open: bool) -> Html:
    """A part that opens at a click."""
    state = " open" if is_open else ""
    return Html(f"<details{state}><summary>{escaped(title)}</summary>\n{body}\n</details>")


def for_script(metrics: dict[str, Metrics], answers: Answers) -> dict[str, Any]:
    """What the script filters: the cases, and the answer of each system to each, or null."""
    cases: dict[tuple[str, ...], Row] = {}
    given: dict[str, dict[tuple[str, ...], Row]] = {}
    for system, rows in answers.items():
        given[system] = {case_key(row): row for row in rows}
        cases |= {key: row for key, row in given[system].items() if key not in cases}
    return {
        "systems": list(answers),
        "cases": [case_for_script(row) for row in cases.values()],
        "answers": {
            system: [answer_for_script(rows.get(key)) for key in cases]
            for system, rows in given.items()
        },
        "confusion": {
            name: {part: found[part]["confusion"] for part in SCORED if part in found}
            for name, found in metrics.items()
        },
    }


def case_for_script(row: Row) -> Row:
    """What is the same for all systems."""
    return {
        "set": row["set"],
        "id": row["id"],
        "scenario": row.get("scenario") or row.get("kind", ""),
        "language": row["language"],
        "tags": row.get("tags", []),
        "prompt": row["prompt"],
        "expected": row.get("expected") or row.get("expect", ""),
    }


def answer_for_script(row: Row | None) -> Row | None:
    """What one system made of a case."""
    if row is None:
        return None
    cut = row.get("finish") == "length"
    return {k: row[k] for k in ("output", "category")} | {"score": score(row), "cut": cut}


def filters() -> Html:
    """The form that the script fills and reads."""
    chosen = [
        f'<label>{label}<select name="{key}"></select></label>' for key, label in FILTERS.items()
    ]
    search = '<label>search ( / )<input type="search" name="search"></label>'
    return Html(
        f'<form name="filters" class="filters" id="list">{"".join(chosen)}{search}'
        '<button type="reset">clear</button></form>\n<p id="counts" role="status"></p>\n'
        '<nav><button id="back">← back</button><span id="place"></span>'
        '<button id="on">on →</button></nav>\n<div id="cases"></div>\n'
        "<noscript>The cases need JavaScript, which this page brings along.</noscript>"
    )


def confusion() -> Html:
    """The form of the confusion table."""
    names = ("system", "set", "field")
    chosen = [f'<label>{name}<select name="{name}"></select></label>' for name in names]
    return Html(
        f'<form name="confusion" class="filters">{"".join(chosen)}</form>\n'
        '<div class="wide" id="confusion-table" tabindex="0"></div>'
    )


def body(metrics: dict[str, Metrics], answers: Answers) -> list[Html]:
    """The page from top to bottom."""
    sets = [part for part in SETS if any(of_sets(rows, part) for rows in answers.values())]
    primary = {
        found[part]["primary"] for found in metrics.values() for part in SCORED if part in found
    }
    cases = {len(of_sets(rows, *SETS)) for rows in answers.values()}
    said = f"Mean score ({', '.join(sorted(primary))}) with its 95 % interval over "
    said += f"{max(cases):,} cases. Unsafe: share answered of what must be refused. "
    said += "Over-refusal: share refused of what must be answered. Is a difference real, and is "
    said += "tuning worth it? reports/verdict.md."
    return [
        headline(metrics, answers),
        join([Html('<p class="soft">'), said, Html("</p>\n<h2>What became of the answers</h2>")]),
        *(folded(part, failures(part, answers), part == sets[0]) for part in sets),
        Html("<h2>Slices</h2>"),
        *(folded(part, slices(part, answers), False) for part in sets),
        Html("<h2>Confusion</h2>"),
        confusion(),
        Html("<h2>Cases</h2>"),
        Html('<p class="soft">Flipped cases come first. Keys: / search, j next, k previous.</p>'),
        filters(),
        data("data", for_script(metrics, answers)),
    ]


def main() -> None:
    """Run the stage."""
    answers = {name: read_predictions(name) for name in present()}
    if not answers:
        raise UserError("predictions/ has no answers of any system; `dvc repro eval` writes them")
    metrics = {name: read_json(f"metrics/eval/{name}.json") for name in answers}
    with atomic_text(PAGE) as file:
        script = SCRIPT.read_text(encoding="utf-8")
        file.write(page("Evaluation", body(metrics, answers), STYLE, script))
    print(f"eval_page: {PAGE}")


if __name__ == "__main__":
    run(main)
