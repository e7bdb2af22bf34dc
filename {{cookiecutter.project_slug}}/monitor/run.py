"""Compare a window of production logs with the release.

run     make monitor LOGS="logs/*.jsonl"
reads   the logs, reports/monitor/reference.json, evals/adversarial.jsonl, params.yaml
writes  reports/monitor/<window>.{html,json}, the window named after its first and last request
exit    0 pass, 2 alarm, 3 inconclusive (too few requests, or logs without texts), 1 error

Limits are in `monitor` of params.yaml; docs/runbook.md says for every alarm what to do.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lib.core.config import load
from lib.monitoring.checks import Check, compare
from lib.monitoring.fields import BadCall, iso_time
from lib.monitoring.incidents import KINDS
from lib.monitoring.params import MonitorParams
from lib.monitoring.readers import BESIDES, NO_REQUEST
from lib.monitoring.reference import Reference, read_reference
from lib.monitoring.window import UNNAMED, Window
from lib.release.params import GateParams
from lib.runtime.errors import CommandLine, UserError
from lib.runtime.files import atomic_text, write_json
from monitor.page import report_page
from monitor.reading import NOT_ASKED, Slice, observe
from monitor.window_figures import window_figures

_EXIT = {"pass": 0, "alarm": 2, "inconclusive": 3}
REPORTS = Path("reports/monitor")
UNREADABLE = "unreadable"  # the alarm


def judge_window(
    window: Window, unreadable: tuple[int, int], release: Reference, params: MonitorParams
) -> tuple[str, list[Check]]:
    """Return the verdict (pass, alarm or inconclusive) and the checks.

    unreadable: (unreadable lines, those plus requests). Incidents and unreadable lines are alarms
    in a window of any size. Without the texts of enough requests, no window passes.
    """
    checks = [incident_check(kind, window.kinds[kind], params.incidents) for kind in KINDS]
    checks.append(unreadable_check(*unreadable, params.limits.unreadable))
    if window.calls >= params.requests:
        checks += compare(window.counts, release.counts, params)
    if any(check.fired for check in checks):
        return "alarm", checks
    enough = window.calls - window.withheld >= params.requests
    return "pass" if enough else "inconclusive", checks


def unreadable_check(bad: int, of: int, limit: float) -> Check:
    """Check the share of unreadable lines: a window must not pass only on the rest."""
    return Check(UNREADABLE, UNREADABLE, "limit", bad / of, limit, 1.0, bad > limit * of)


def unreadable_lines(window: Window, skipped: Counter[str]) -> tuple[int, int]:
    """Return (unreadable lines, those plus requests)."""
    good = window.calls + sum(skipped[reason] for reason in NOT_ASKED)
    sound = sum(skipped[reason] for reason in (*NOT_ASKED, *NO_REQUEST, *BESIDES))
    bad = skipped.total() - sound
    return bad, bad + good


def incident_check(kind: str, found: int, most: int) -> Check:
    """Check the number of incidents of one kind against its limit."""
    return Check(kind, kind, "incident", found, most, 1.0, found > most)


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = CommandLine("monitor.run", __doc__)
    parser.add_argument("logs", nargs="+", metavar="LOGS", help="files or globs")
    parser.add_argument("--since", default="-inf", help="ISO 8601 time; UTC without a zone")
    parser.add_argument("--until", default="inf", help="exclusive")
    parser.add_argument("--model", help="only requests that this model answered")
    return parser.parse_args(argv)


def moment(value: str) -> float:
    """Parse a time from the command line; raise UserError if it is not one."""
    try:
        return float(value) if value in ("inf", "-inf") else iso_time(value)
    except BadCall:
        raise UserError(f"{value!r} is not a time such as 2026-11-23T08:00") from None


def write_report(rows: dict[str, Any]) -> Path:
    """Write both files; return the page's path."""
    path = REPORTS / f"{rows['window']}.html"
    write_json(path.with_suffix(".json"), rows)
    with atomic_text(path) as file:
        file.write(report_page(rows))
    return path


def _show(rows: dict[str, Any], wanted: Slice, checks: Iterable[Check], path: Path) -> None:
    """Print the summary."""
    for check in checks:
        if check.fired:
            print(f"ALARM  {check.alarm}  {check.subject}: {check}")
    left = ", ".join(f"{count:,} {reason}" for reason, count in rows["skipped"].items())
    print(f"monitor: {rows['requests']:,} requests{f'; left out {left}' if left else ''}")
    if rows["withheld"]:
        print(f"monitor: the logs do not have the texts of {rows['withheld']:,} requests")
    if rows["untimed"]:
        print(f"monitor: the logs do not say how long {rows['untimed']:,} requests took")
    if wanted.model and (unnamed := rows["models"].get(UNNAMED)):
        print(f"monitor: {unnamed:,} requests whose logs name no model count for {wanted.model}")
    elif len(rows["models"]) > 1:
        models = ", ".join(f"{count:,} {model}" for model, count in rows["models"].items())
        print(f"monitor: several models ({models}); --model NAME selects one")
    print(f"monitor: {rows['verdict']}; {path}")


def main(argv: list[str] | None = None) -> int:
    """Judge a window; the verdict is the exit code."""
    try:
        args = parse_args(sys.argv[1:] if argv is None else argv)
        params, release = load("monitor", MonitorParams), read_reference()
        wanted = Slice(moment(args.since), moment(args.until), args.model)
        window, skipped = observe(args.logs, wanted, params, release)
        verdict, checks = judge_window(window, unreadable_lines(window, skipped), release, params)
        price = load("gate", GateParams).cost.machine_per_hour
        rows = window_figures(window, release, verdict, checks, skipped, price)
        _show(rows, wanted, checks, write_report(rows))
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return _EXIT[verdict]


if __name__ == "__main__":
    sys.exit(main())
