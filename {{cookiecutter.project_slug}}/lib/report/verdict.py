"""Is fine-tuning worth it? The tuned model against the best that prompting alone gets."""

from statistics import fmean
from typing import Any, NamedTuple

from lib.cases.systems import PROMPTED
from lib.evaluate.params import EvalParams
from lib.evaluate.predictions import Prediction, group, not_asked, of_sets, same_cases, score
from lib.evaluate.stats import Difference, compare_paired, mean_interval, shown_p, verdict_of
from lib.release.cost import busiest, cost_per_1000, measured_as
from lib.release.params import GateParams
from lib.report.markdown import table


class Serving(NamedTuple):
    """What it takes to answer a request."""

    latency_ms: float
    cost: float  # of 1,000 requests
    measured: bool  # or estimated from tokens


def best_prompted(systems: dict[str, list[Prediction]]) -> str:
    """Name the prompted system with the highest golden score; "" if there is none.

    Of equal ones the simplest.
    """
    golden = {name: of_sets(systems[name], "golden") for name in PROMPTED if name in systems}
    return max(golden, key=lambda name: sum(map(score, golden[name])), default="")


def mean_tokens(rows: list[Prediction], key: str) -> float | None:
    """Average `input_tokens` or `output_tokens` of the golden cases; None where not counted."""
    counts = [row[key] for row in of_sets(rows, "golden") if row.get(key) is not None]
    return fmean(counts) if counts else None


def serving_of(
    system: str, systems: dict[str, list[Prediction]], bench: dict[str, Any], gate: GateParams
) -> Serving | None:
    """Return latency and cost at the highest load that bench sends; None where nothing tells.

    A prompted base is not benched. It has as many weights as the tuned model, so its first token is
    put at the tuned model's, times the ratio of their input tokens, and its others likewise.
    """
    price = gate.cost.machine_per_hour
    name = measured_as(bench, system) if system == gate.system else system
    if load := busiest(bench, name):
        return Serving(load["e2e_ms_p50"], cost_per_1000(load, price), measured=True)
    load = busiest(bench, "tuned")
    tokens = [
        mean_tokens(systems.get(name, []), key)
        for key in ("input_tokens", "output_tokens")
        for name in (system, "tuned")
    ]
    if load is None or system not in PROMPTED or not all(tokens):
        return None
    mine, tuned_in, out, tuned_out = (count or 0.0 for count in tokens)
    first, each = load["ttft_ms_p50"], load["tpot_ms_p50"]
    slower = (first * mine / tuned_in + each * out) / (first + each * tuned_out)
    cost = cost_per_1000(load, price) * slower
    return Serving(load["e2e_ms_p50"] * slower, cost, measured=False)


def worth_it(found: Difference, wanted: float, min_effect: float, best: str, solved: bool) -> str:
    """Say in a sentence whether fine-tuning is worth it.

    `wanted` is the gain that is asked for, `solved` whether the best of prompting ever scores.
    """
    word = verdict_of(found, min_effect)
    if word == "better" and found.low >= wanted:
        return (
            f"**Fine-tuning is worth it**: at least {100 * wanted:g} points better than `{best}`, "
            "as `gate.quality.gain` asks, with the whole 95 % interval."
        )
    if word == "better":
        return (
            f"**Fine-tuning helps**, but nothing shows that it gains the {100 * wanted:g} points "
            f"over `{best}` that `gate.quality.gain` asks for."
        )
    if word == "inconclusive":
        return (
            f"**Not shown**: {found.cases} golden cases do not tell the tuned model from `{best}`. "
            "More cases would; until then, prompting is the simpler choice."
        )
    if not solved:
        return "**Nothing does it**: no system gives a right answer; look at task, evals and data."
    return f"**Prompting does it**: the tuned model is not better than `{best}`."


def gain_line(
    part: str, tuned: list[Prediction], best: list[Prediction], params: EvalParams
) -> str:
    """Say how much the tuned model gains over the best of prompting on one set."""
    found = paired(of_sets(tuned, part), of_sets(best, part), params)
    if found is None:
        return f"- {part}: no cases"
    points = [f"{100 * value:+.1f}" for value in (found.mean, found.low, found.high)]
    return (
        f"- {part}: {points[0]} points (95 % interval {points[1]} to {points[2]}, p "
        f"{shown_p(found.p)}); {found.won} of {found.cases} cases better, {found.lost} worse"
    )


def paired(new: list[Prediction], old: list[Prediction], params: EvalParams) -> Difference | None:
    """Compare two systems on the cases that both answered; None without any."""
    pairs = same_cases(new, old)
    if not pairs.new:
        return None
    return compare_paired(*pairs.scores(), params.bootstrap, params.seed)


def systems_table(
    systems: dict[str, list[Prediction]],
    bench: dict[str, Any],
    gate: GateParams,
    params: EvalParams,
) -> list[str]:
    """Tabulate score, tokens, latency and cost of each system."""
    rows = []
    for name, answers in systems.items():
        golden = of_sets(answers, "golden")
        shown = "no cases"
        if golden:
            scores = [score(row) for row in golden]
            groups = [group(row) for row in golden]
            low, high = mean_interval(scores, groups, params.bootstrap, params.seed)
            shown = f"{fmean(scores):.1%} ({low:.1%} to {high:.1%})"
        counts = [mean_tokens(answers, key) for key in ("input_tokens", "output_tokens")]
        tokens = ["not counted" if count is None else f"{count:,.0f}" for count in counts]
        found = serving_of(name, systems, bench, gate)
        cells = ["not known", "not known"]
        if found:
            about = "" if found.measured else "about "
            cells = [f"{about}{found.latency_ms:,.0f}", f"{about}{found.cost:.4f}"]
        rows.append([name, shown, *tokens, *cells])
    head = ["system", "golden score (95 % interval)", "tokens in", "tokens out"]
    return table([*head, "request ms, median", "cost of 1,000 requests"], rows)


def verdict_page(
    systems: dict[str, list[Prediction]],
    bench: dict[str, Any],
    gate: GateParams,
    params: EvalParams,
) -> list[str]:
    """Write reports/verdict.md, a list of its lines."""
    lines = ["# Is fine-tuning worth it?", ""]
    best = best_prompted(systems)
    found = None
    if best:
        golden = [of_sets(systems[name], "golden") for name in ("tuned", best)]
        found = paired(golden[0], golden[1], params)
    if found is None:
        lines.append("No golden cases were answered by a prompted system and by the tuned one.")
    else:
        solved = any(map(score, golden[1]))
        word = worth_it(found, gate.quality.gain, gate.min_effect, best, solved)
        if missing := not_asked(systems):
            word += f" Not compared with {missing}, which did not answer."
        lines += [word, ""]
        prompted = ", ".join(name for name in PROMPTED if name in systems)
        lines += [f"Tuned against `{best}`, the best of {prompted}:", ""]
        tuned, other = systems["tuned"], systems[best]
        lines += [gain_line(part, tuned, other, params) for part in ("golden", "test")]
    return [
        *lines,
        "",
        *systems_table(systems, bench, gate, params),
        "",
        f"Latency and cost at the highest load of metrics/bench.json, on a machine at "
        f"{gate.cost.machine_per_hour:g} an hour (`gate.cost.machine_per_hour`). Values after "
        "`about` are estimates: the tuned model's, scaled by tokens in and out.",
    ]
