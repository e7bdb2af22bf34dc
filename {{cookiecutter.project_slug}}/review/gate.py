"""Decide whether the model may be released: one line per check, and an exit code.

reads   params.yaml (`gate`), dvc.lock, predictions, metrics/eval, metrics/bench.json, metrics.json
exit    0 pass, 2 fail, 3 inconclusive (the limit is inside an interval: more cases needed), 1 error

First it checks that no result was edited: predictions and metrics must have the hashes in dvc.lock,
scores and metrics must follow from the answers, the cases must be those of evals/, and no stage may
be older than its inputs or frozen. Then it checks the limits (review/limits.py). A clone needs only
`dvc pull eval`.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from lib.cases.systems import PROMPTED, SYSTEMS
from lib.core.config import load
from lib.core.params import TaskParams
from lib.curate.params import CurateParams
from lib.engines.answer import NOT_TAKEN
from lib.evaluate.params import EvalParams
from lib.evaluate.predictions import Systems, not_asked, of_sets, read_predictions
from lib.evaluate.rates import RATES, count_leaks
from lib.pii.redact import Finder
from lib.release.cost import busiest, cost_per_1000, measured_as
from lib.release.params import GateParams
from lib.report.verdict import best_prompted
from lib.runtime.dvc_runs import refuse_while_at_work
from lib.runtime.errors import UserError, refuse_arguments, show
from review.integrity import (
    as_stored,
    contradictions,
    edited,
    judgeable,
    not_as_asked,
    read_judged,
)
from review.limits import (
    GateCheck,
    at_least,
    at_most,
    gain_found,
    mean,
    no_more,
    of_slice,
    share_found,
)
from review.lock import LOCK, changed_outs, frozen_stages, stale_stages, tracked

_EXIT = {"pass": 0, "fail": 2, "inconclusive": 3}


# No result was edited


def integrity(outs: dict[str, str]) -> list[GateCheck]:
    """Check that files, figures and pipeline are those of the last `dvc repro`."""
    files = edited(outs)
    why = f"{', '.join(files)}: not what the pipeline wrote; `make repair`, then `dvc repro`"
    hashes = GateCheck("fail" if files else "pass", "hashes", why if files else f"as in {LOCK}")
    if frozen := frozen_stages():
        why = f"frozen in dvc.yaml: {', '.join(frozen)}; `dvc unfreeze` them, then `dvc repro`"
        return [hashes, GateCheck("fail", "pipeline", why)]
    if stale := stale_stages():
        why = f"older than its inputs: {', '.join(stale)}; `dvc repro`, then commit {LOCK}"
        if other := [one for one in changed_outs(outs) if one not in files]:
            why = f"{', '.join(other)}: not as the pipeline wrote; `make repair`, then `dvc repro`"
        return [hashes, GateCheck("fail", "pipeline", why)]
    return [hashes, GateCheck("pass", "pipeline", f"{LOCK} matches code, data and params")]


def check_figures(systems: Systems, params: EvalParams) -> GateCheck:
    """Check that scores, findings and metrics follow from the answers, as far as rules can."""
    pii = load("curate", CurateParams).pii
    finder = Finder(pii.model_copy(update={"key_env": None, "ner": None}))
    wrong = contradictions(systems, load("task", TaskParams), params, finder)
    fine = f"as the answers of {', '.join(systems)} give them; decided by a model, so taken as "
    scored = any("log_likelihood" in row["scores"] for rows in systems.values() for row in rows)
    why = "; ".join(wrong) or f"{fine}stored: {as_stored(params, pii, scored)}"
    return GateCheck("fail" if wrong else "pass", "metrics", why)


def cases(systems: Systems) -> GateCheck:
    """Check that the answered cases are those of evals/, each once."""
    wrong = not_as_asked(systems)
    why = "; ".join(wrong) or "those of evals/, each once, and the same test cases for all"
    return GateCheck("fail" if wrong else "pass", "cases", why)


def taken(systems: Systems) -> list[GateCheck]:
    """Check that every case could be asked of every system; [] if so."""
    missing = [
        f"{name}: {why} for {count} cases"
        for name, rows in systems.items()
        for why, count in Counter(row.get("finish", "") for row in rows).items()
        if why.startswith(NOT_TAKEN)
    ]
    if not missing:
        return []
    why = f"the server rejected requests ({'; '.join(missing)}): shorten those cases, or "
    return [GateCheck("inconclusive", "cases not asked", f"{why}let it accept longer ones")]


# The limits


def quality(gate: GateParams, systems: Systems, params: EvalParams) -> list[GateCheck]:
    """Check the released system's scores: alone, against prompting and against tuned."""
    limits, released = gate.quality, systems[gate.system]
    golden, test = of_sets(released, "golden"), of_sets(released, "test")
    checks = [
        at_least("golden", mean(golden, params), limits.golden),
        at_least("test", mean(test, params), limits.test),
    ]
    for name, limit in limits.slices.items():
        checks.append(at_least(f"golden {name}", mean(of_slice(name, golden), params), limit))
    if best := best_prompted(systems):
        found = gain_found(golden, of_sets(systems[best], "golden"), params)
        one = at_least(f"gain over {best}", found, limits.gain)
        if missing := not_asked(systems):
            one = one._replace(why=f"{one.why}; not compared with {missing}")
        checks.append(one)
    else:
        why = f"{LOCK} has no answers of {', '.join(PROMPTED)} to compare with"
        checks.append(GateCheck("inconclusive", "gain over prompting", why))
    if gate.system == "quantized":
        found = gain_found([*golden, *test], of_sets(systems["tuned"], "golden", "test"), params)
        checks.append(at_least("against tuned", found, -limits.quantization_loss))
    errors = mean(golden, params, lambda row: float(row["category"] == "format_error"))
    return [*checks, at_most("format errors", errors, limits.format_errors)]


def safety(gate: GateParams, systems: Systems) -> list[GateCheck]:
    """Check the safety rates of adversarial cases, and leaks in answers to any case."""
    rows, limits = systems[gate.system], gate.safety
    unsafe, over = (share_found(*RATES[name].counted(rows)) for name in ("unsafe", "over-refusal"))
    return [
        at_most("unsafe", unsafe, limits.unsafe),
        at_most("over-refusal", over, limits.over_refusal),
        no_more("leaks", count_leaks(rows), limits.leaks, ""),
    ]


def serving_checks(gate: GateParams, bench: dict[str, Any]) -> list[GateCheck]:
    """Check latency and cost at the highest load measured, and size."""
    load, limits = busiest(bench, measured_as(bench, gate.system)), gate.latency
    size = {name: bench.get(name, {}).get("bytes") for name in ("tuned", gate.system)}
    ratio = size[gate.system] / size["tuned"] if all(size.values()) else None
    cost = cost_per_1000(load, gate.cost.machine_per_hour) if load else None
    first, whole = ((load or {}).get(key) for key in ("ttft_ms_p95", "e2e_ms_p95"))
    checks = [
        no_more("first token p95", first, limits.ttft_ms_p95, " ms"),
        no_more("request p95", whole, limits.e2e_ms_p95, " ms"),
        no_more("cost of 1,000 requests", cost, gate.cost.per_1000_requests, ""),
    ]
    if gate.system == "quantized":  # not for the tuned model itself
        checks.append(no_more("size against tuned", ratio, gate.size, ""))
    return checks


def all_checks() -> list[GateCheck]:
    """Run every check; after an edited result no limits are checked."""
    refuse_while_at_work()
    gate, params = load("gate", GateParams), load("eval", EvalParams)
    outs = tracked()
    names = [name for name in SYSTEMS if f"answers/{name}.jsonl" in outs]
    if missing := {"tuned", gate.system} - set(names):
        raise UserError(f"{LOCK}: has no answers of {min(missing)}; `dvc repro` asks for them")
    checks = integrity(outs)
    if checks[0].result == "fail":
        return checks
    systems = {name: judgeable(read_predictions(name), name) for name in names}
    checks += [check_figures(systems, params), cases(systems)]
    if any(check.result == "fail" for check in checks):
        return checks
    checks += [*taken(systems), *quality(gate, systems, params), *safety(gate, systems)]
    return checks + serving_checks(gate, read_judged("metrics/bench.json"))


def main(given: Sequence[str] = ()) -> int:
    """Print the checks; return the exit code of the worst. There are no arguments."""
    try:
        refuse_arguments(main, given)
        checks = all_checks()
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    results = {check.result for check in checks}
    verdict = next(word for word in ("fail", "inconclusive", "pass") if word in results)
    lines = [f"{check.result:<12}  {check.name:<24}  {check.why}" for check in checks]
    show("\n".join([*lines, f"gate: {verdict}"]))
    return _EXIT[verdict]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
