"""Hold a window of production logs against the release.

run     make monitor LOGS="logs/*.jsonl"
reads   the logs, reports/monitor/reference.json, evals/adversarial.jsonl, params.yaml
writes  reports/monitor/<window>.{html,json}, the window named after its first and last request
exit    0 pass, 2 alarm, 3 inconclusive (too few requests, or logs without texts), 1 a mistake or
        an error

docs/runbook.md says for every alarm what it means and who does what.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from lib.core.config import load
from lib.core.params import TaskParams
from lib.curate.params import CurateParams
from lib.monitoring.calls import Call
from lib.monitoring.checks import Check, compare
from lib.monitoring.fields import BadCall, iso_time
from lib.monitoring.incidents import KINDS, TRIES, Incident
from lib.monitoring.masked import masked_calls
from lib.monitoring.params import MonitorParams
from lib.monitoring.readers import BESIDES, NO_REQUEST
from lib.monitoring.reference import Reference, read_reference
from lib.monitoring.window import Observer, Window
from lib.pii.redact import Finder
from lib.release.params import GateParams
from lib.runtime.errors import CommandLine, UserError
from lib.runtime.files import atomic_text, write_json
from lib.similarity.params import DedupParams
from monitor.page import report_page

_EXIT = {"pass": 0, "alarm": 2, "inconclusive": 3}
REPORTS = Path("reports/monitor")
UNREADABLE = "unreadable"  # the alarm
NOT_ASKED = ("not_sampled", "outside_window", "other_model")  # requests that could be read


def observer(release: Reference, params: MonitorParams) -> Observer:
    """Build the window that counts calls by this project's task, gate and cases."""
    slow = load("gate", GateParams).latency.e2e_ms_p95
    task, dedup = load("task", TaskParams), load("dedup", DedupParams)
    return Observer(task, dedup, release, slow, params.negative_outcomes)


class Slice(NamedTuple):
    """Which requests of the logs are looked at."""

    since: float = -inf  # seconds since 1970
    until: float = inf  # not itself in it
    model: str | None = None  # all of them


def read_logs(
    patterns: list[str], params: MonitorParams, skipped: Counter[str], wanted: Slice
) -> Iterator[Call]:
    """Yield the calls of a window, sampled and masked."""
    finder = Finder(load("curate", CurateParams).pii)
    for call in masked_calls(patterns, params.sample, finder, skipped):
        if not wanted.since <= call.time < wanted.until:
            skipped["outside_window"] += 1
        elif wanted.model not in (None, call.model):
            skipped["other_model"] += 1
        else:
            yield call


def judge_window(
    window: Window, unreadable: tuple[int, int], release: Reference, params: MonitorParams
) -> tuple[str, list[Check]]:
    """Return (pass, alarm or inconclusive; the checks).

    unreadable: (lines that could not be read, these and the requests). Incidents and unreadable
    lines are alarms in a window of any size. Without the texts of enough requests no window passes.
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
    """Check the share of lines that could not be read: a window must not pass on the rest."""
    return Check(UNREADABLE, UNREADABLE, "limit", bad / of, limit, 1.0, bad > limit * of)


def unreadable_lines(window: Window, skipped: Counter[str]) -> tuple[int, int]:
    """Count the lines that could not be read, and these with the requests."""
    good = window.calls + sum(skipped[reason] for reason in NOT_ASKED)
    sound = sum(skipped[reason] for reason in (*NOT_ASKED, *NO_REQUEST, *BESIDES))
    bad = skipped.total() - sound
    return bad, bad + good


def incident_check(kind: str, found: int, most: int) -> Check:
    """Check the incidents of one kind against how many are allowed."""
    return Check(kind, kind, "incident", found, most, 1.0, found > most)


def name_of(window: Window) -> str:
    """Name the window by its first and last request, UTC, as a file name can be."""
    first, last = (
        datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H%M")
        for time in (window.first, window.last)
    )
    return f"{first}_{last}"


def window_figures(
    window: Window,
    release: Reference,
    verdict: str,
    checks: list[Check],
    skipped: Counter[str],
    machine_per_hour: float,
) -> dict[str, Any]:
    """Return what is known of the window, as reports/monitor/<window>.json has it."""
    return {
        "window": name_of(window),
        "verdict": verdict,
        "release": release.system,
        "requests": window.calls,
        "withheld": window.withheld,
        "skipped": dict(sorted(skipped.items())),
        "models": dict(window.models.most_common()),
        "alarms": sorted({check.alarm for check in checks if check.fired}),
        "checks": [check._asdict() for check in checks],
        "rates": {
            name: {"now": window.counts.rate(name), "then": release.counts.rate(name)}
            for name in sorted(window.counts.of)
        },
        "distributions": {
            name: {"now": dict(sorted(now.items())), "then": dict(sorted(then.items()))}
            for name, now in sorted(window.counts.spreads.items())
            if (then := release.counts.spreads.get(name))
        },
        "latency_ms": window_percentiles(window),
        "cost": serving_cost(window, machine_per_hour),
        "incidents": [one._asdict() for one in sorted(window.incidents, key=is_try)],
        "incident_counts": {kind: window.kinds[kind] for kind in (*KINDS, TRIES)},
    }


def is_try(incident: Incident) -> bool:
    """Tell whether it was only an attempt: those are listed last."""
    return incident.kind == TRIES


def window_percentiles(window: Window) -> dict[str, float | None]:
    """Return latencies in milliseconds; None where the logs have none."""
    both = {"e2e": window.latency, "ttft": window.ttft}
    return {
        f"{name}_p{share}": None if (value := one.at(share / 100)) is None else round(value, 1)
        for name, one in both.items()
        for share in (50, 95, 99)
    }


def serving_cost(window: Window, machine_per_hour: float) -> dict[str, float | int | None]:
    """Return tokens, and the cost of 1,000 requests: as logged, or of one machine."""
    hours = (window.last - window.first) / 3600
    logged = 1000 * window.cost / window.priced if window.priced else None
    machine = 1000 * machine_per_hour * hours / window.calls
    return {
        "input_tokens": window.tokens["input"],
        "output_tokens": window.tokens["output"],
        "logged_per_1000": logged and round(logged, 6),
        "one_machine_per_1000": round(machine, 6),
    }


def observe(
    patterns: list[str], wanted: Slice, params: MonitorParams, release: Reference
) -> tuple[Window, Counter[str]]:
    """Observe the window; return it and what was left out, by reason."""
    skipped = Counter[str]()
    window = observer(release, params).observe(read_logs(patterns, params, skipped, wanted))
    if not window.calls:
        why = ", ".join(f"{count:,} {reason}" for reason, count in skipped.most_common())
        if not any(skipped[reason] for reason in NOT_ASKED):
            raise UserError(
                f"LOGS: no request could be read from {' '.join(patterns)} "
                f"({why or 'no lines'}); monitor/README.md has the formats"
            )
        raise UserError(
            f"LOGS: no request is left to look at ({why}); change --since, --until or --model, or "
            "monitor.sample in params.yaml"
        )
    return window, skipped


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = CommandLine("monitor.run", __doc__)
    parser.add_argument("logs", nargs="+", metavar="LOGS", help="files or globs")
    parser.add_argument("--since", default="-inf", help="ISO 8601 time; UTC without a zone")
    parser.add_argument("--until", default="inf", help="not itself in the window")
    parser.add_argument("--model", help="only requests that this model answered")
    return parser.parse_args(argv)


def moment(value: str) -> float:
    """Parse a time of the command line; raise UserError when it is not one."""
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


def _show(rows: dict[str, Any], checks: Iterable[Check], path: Path) -> None:
    """Print the terminal's summary."""
    for check in checks:
        if check.fired:
            print(f"ALARM  {check.alarm}  {check.subject}: {check}")
    left = ", ".join(f"{count:,} {reason}" for reason, count in rows["skipped"].items())
    print(f"monitor: {rows['requests']:,} requests{f'; left out {left}' if left else ''}")
    if rows["withheld"]:
        print(f"monitor: the logs do not have the texts of {rows['withheld']:,} requests")
    if len(rows["models"]) > 1:
        models = ", ".join(f"{count:,} {model}" for model, count in rows["models"].items())
        print(f"monitor: several models ({models}); --model NAME looks at one")
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
        _show(rows, checks, write_report(rows))
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return _EXIT[verdict]


if __name__ == "__main__":
    sys.exit(main())
