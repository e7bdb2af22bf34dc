"""Compare runs in a table: workspace, last commit and its experiments.

run     make compare-runs
reads   the workspace, the last commit and its experiments: params.yaml, metrics, predictions
prints  what was changed, and six figures of the released system (gate.system); ± is half of the
        95 % interval. To test whether two runs differ, use review.compare.
"""

import shutil
import textwrap
from typing import NamedTuple

from lib.core.config import load
from lib.evaluate.predictions import Prediction
from lib.evaluate.rates import RATES
from lib.evaluate.stats import wilson_interval
from lib.release.params import GateParams
from lib.runtime.errors import UserError, run, show
from review.changes import flatten
from review.conflicts import stages_of
from review.lock import LOCK, unfit
from review.versions import Version, git

BASELINE = "last commit"
_FIGURES = (
    "golden",
    "test",
    "unsafe",
    "over_refusal",
    "val_loss",
    "p95_ms",
)  # those of metrics.json
_SCORES, _REFUSALS = _FIGURES[:2], {"unsafe": "unsafe", "over_refusal": "over-refusal"}
WIDTHS = (22, 12, 12, 12, 13, 9, 7)  # characters for name and figures; the rest is for changes
NARROWEST = 20
DECIDES = ("lib", "stages", "dvc.yaml", "data/raw", "evals", "base", "pyproject.toml")


class Run(NamedTuple):
    """A row of the table."""

    name: str
    changed: list[str]
    figures: dict[str, str]
    unfit: list[str]  # stages that did not run after a change before them


def with_noise(value: float, low: float, high: float) -> str:
    """Format a share in percent, with half of its interval."""
    return f"{100 * value:.1f} ±{50 * (high - low):.1f}"


def _figures_of(version: Version, system: str) -> dict[str, str]:
    """Return the figures of a version; without intervals if its answers are not in the cache."""
    headline = version.json("metrics.json") or {}
    found = {name: f"{headline[name]:g}" for name in _FIGURES if name in headline}
    metrics = version.json(f"metrics/eval/{system}.json") or {}
    for name in _SCORES:
        if one := metrics.get(name):
            found[name] = with_noise(one["score"], one["score_low"], one["score_high"])
    return found | refusals(version.predictions(system))


def refusals(rows: list[Prediction]) -> dict[str, str]:
    """Return both rates of adversarial cases, formatted."""
    counted = {name: RATES[title].counted(rows) for name, title in _REFUSALS.items()}
    return {
        name: with_noise(failed / cases, *wilson_interval(failed, cases))
        for name, (failed, cases) in counted.items()
        if cases
    }


def changes(version: Version, base: Version, commit: str | None) -> list[str]:
    """List the params and files that differ from the last commit and decide results."""
    now, before = (flatten(one.yaml("params.yaml")) for one in (version, base))
    params = [
        f"{key}={now.get(key, 'gone')}"
        for key in [*now, *(key for key in before if key not in now)]
        if now.get(key) != before.get(key) or (key in now) != (key in before)
    ]
    both = ["HEAD", commit] if commit else ["HEAD"]
    listed = git("diff", "--name-only", "--relative", *both, "--", *DECIDES) or ""
    return params + listed.splitlines()


def run_of(name: str, commit: str | None, base: Version) -> Run:
    """Read one run; `commit` None is the workspace."""
    version = base if name == BASELINE else Version(commit)
    system = str((version.yaml("params.yaml").get("gate") or {}).get("system", "tuned"))
    stages = stages_of(version.text(LOCK))
    changed = [] if name == BASELINE else changes(version, base, commit)
    late = unfit(stages, version.yaml("params.yaml"))
    return Run(name, changed, _figures_of(version, system), late)


def experiments() -> dict[str, str]:
    """Return the experiments that began at the last commit, oldest first: name -> commit."""
    head = git("rev-parse", "HEAD") or ""
    form = "--format=%(refname) %(objectname)"
    listed = git("for-each-ref", "--sort=creatordate", form, f"refs/exps/{head[:2]}/{head[2:]}/")
    pairs = (line.split() for line in (listed or "").splitlines())
    return {ref.rpartition("/")[2]: commit for ref, commit in pairs}


def _table(runs: list[Run], width: int) -> list[str]:
    """Format the table; long changes take several lines."""
    room = max(width - sum(WIDTHS), NARROWEST)
    lines = [row_of(["run", *_FIGURES], "changed"), "-" * (sum(WIDTHS) + room)]
    for one in runs:
        what = ", ".join(one.changed) or ("" if one.name == BASELINE else "nothing")
        parts = textwrap.wrap(what, room, break_on_hyphens=False) or [""]
        cells = [
            one.name + " *" * bool(one.unfit),
            *(one.figures.get(name, "") for name in _FIGURES),
        ]
        lines += [row_of(cells, parts[0]), *(row_of([], part) for part in parts[1:])]
    return lines


def row_of(cells: list[str], changed: str) -> str:
    """Format one line."""
    padded = [*cells, *[""] * (len(WIDTHS) - len(cells))]
    fitted = [textwrap.shorten(one, width - 1, placeholder="…") if len(one) >= width else one
              for one, width in zip(padded, WIDTHS, strict=True)]  # fmt: skip
    return "".join(one.ljust(width) for one, width in zip(fitted, WIDTHS, strict=True)) + changed


def notes(runs: list[Run]) -> list[str]:
    """Return notes about the table and single rows."""
    lines = ["", "Scores and rates in percent, ± half of the 95 % interval; p95_ms: whole request."]
    lines += [
        f"* {one.name}: some figures are out of date: {', '.join(one.unfit)} did not run"
        for one in runs
        if one.unfit
    ]
    if not next(one for one in runs if one.name == BASELINE).figures:
        lines.append(
            "The last commit has no results to compare with; make first-run creates and commits "
            "them."
        )
    return lines


def main() -> None:
    load("gate", GateParams)
    head = git("rev-parse", "--verify", "--quiet", "HEAD")
    if head is None:
        raise UserError("git has no commit here; `make first-run` creates one with results")
    base = Version(head)
    named: dict[str, str | None] = {"workspace": None, BASELINE: head, **experiments()}
    runs = [run_of(name, commit, base) for name, commit in named.items()]
    width = shutil.get_terminal_size((120, 24)).columns
    show("\n".join([*_table(runs, width), *notes(runs)]))


if __name__ == "__main__":
    run(main)
