"""Answer whether fine-tuning is worth it, against the best prompted system."""

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
    """The latency and cost of a request."""

    latency_ms: float
    cost: float  # per 1,000 requests
    measured: bool  # or estimated from tokens


def best_prompted(systems: dict[str, list[Prediction]]) -> str:
    """Name the prompted system with the highest golden score; "" if there is none.

    Of equal ones the simplest is returned.
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
    """Return latency and cost at the highest load of bench; None if unknown.

    bench does not measure prompted systems. They have as many weights as the tuned model, so time
    to first token is estimated as the tuned model's times the ratio of input tokens, and the rest
    by output tokens.
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
    """State in a sentence whether fine-tuning is worth it.

    wanted: gate.quality.gain; solved: whether the best prompted system ever scores.
    """
    word = verdict_of(found, min_effect)
    if word == "better" and found.low >= wanted:
        return (
            f"**Fine-tuning is worth it**: at least {100 * wanted:g} points better than `{best}`, "
            "as `gate.quality.gain` asks, with the whole 95 % interval."
        )
    if word == "better":
        return (
            f"**Fine-tuning helps**, but a gain of {100 * wanted:g} points over "
            f"`{best}`, as `gate.quality.gain` asks for, is not shown."
        )
    if word == "inconclusive":
        return (
            f"**Not shown**: {found.cases} golden cases do not distinguish the tuned model from "
            f"`{best}`. More cases would; until then, prompting is the simpler choice."
        )
    if not solved:
        return "**Nothing works**: no system gives a right answer; check task, evals and data."
    return f"**Prompting is enough**: the tuned model is not better than `{best}`."


def gain_line(
    part: str, tuned: list[Prediction], best: list[Prediction], params: EvalParams
) -> str:
    """State the gain of the tuned model over the best prompted system on one set."""
    found = paired(of_sets(tuned, part), of_sets(best, part), params)
    if found is None:
        return f"- {part}: no cases"
    points = [f"{100 * value:+.1f}" for value in (found.mean, found.low, found.high)]
    return (
        f"- {part}: {points[0]} points (95 % interval {points[1]} to {points[2]}, p "
        f"{shown_p(found.p)}); {found.won} of {found.cases} cases better, {found.lost} worse"
    )


def paired(new: list[Prediction], old: list[Prediction], params: EvalParams) -> Difference | None:
    """Compare two systems on the cases that both answered; None if there are none."""
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
    """Return the lines of reports/verdict.md."""
    lines = ["# Is fine-tuning worth it?", ""]
    best = best_prompted(systems)
    found = None
    if best:
        golden = [of_sets(systems[name], "golden") for name in ("tuned", best)]
        found = paired(golden[0], golden[1], params)
    if found is None:
        lines.append(
            "There are no golden cases that both a prompted system and the tuned model answered."
        )
    else:
        solved = any(map(score, golden[1]))
        word = worth_it(found, gate.quality.gain, gate.min_effect, best, solved)
        if missing := not_asked(systems):
            word += f" Not compared with {missing}, which have no answers."
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
        "`about` are estimates: the tuned model's, scaled by input and output tokens.",
    ]
