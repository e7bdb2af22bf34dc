"""Write the pages of the run for people, and its headline numbers for `dvc exp show`.

reads   metrics/*.json, metrics/eval/*.json, predictions/*.jsonl, logs/train
writes  reports/summary.md, reports/verdict.md (is fine-tuning worth it?), metrics.json,
        reports/eval.html (every answer of every system), reports/mask.html (what training learns,
        token by token), reports/train.svg and plots/{train,val}.json (its curves),
        reports/speed.svg (its tokens/s and memory, by step), reports/bench.svg (latency against
        throughput of the served models)
"""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from lib.core.config import load
from lib.core.records import read_objects
from lib.evaluate.params import EvalParams
from lib.evaluate.predictions import Prediction, of_sets, present, read_predictions
from lib.evaluate.stats import verdict_of
from lib.release.params import GateParams
from lib.report.eval_page import eval_page
from lib.report.headline import MEGABYTE, headline
from lib.report.history import write_curves
from lib.report.markdown import table
from lib.report.mask import mask_page
from lib.report.speed import serving_picture, training_picture
from lib.report.verdict import paired, verdict_page
from lib.runtime.errors import UserError, run
from lib.runtime.files import atomic_text, read_json, write_json

LOGS = Path("logs/train")
DATA_STAGES = ("curate", "dedup", "split")
SHOWN_REASONS = 4  # to fit a terminal; metrics/*.json have them all


def read_metrics(name: str) -> dict[str, Any]:
    """Read metrics/NAME.json."""
    return read_json(f"metrics/{name}.json")


def data_table(stages: dict[str, dict[str, Any]]) -> list[str]:
    """Write the rows that each data stage read, kept and dropped, and why."""
    rows = []
    for name, metrics in stages.items():
        reasons = sorted(metrics["dropped"].items(), key=lambda item: (-item[1], item[0]))
        shown, rest = reasons[:SHOWN_REASONS], reasons[SHOWN_REASONS:]
        if len(rest) > 1:
            rest = [(f"for {len(rest)} other reasons", sum(count for _, count in rest))]
        why = ", ".join(f"{count} {reason}" for reason, count in [*shown, *rest])
        rows.append([name, f"{metrics['rows_in']:,}", f"{metrics['rows_kept']:,}", why or "none"])
    return table(["stage", "rows in", "kept", "dropped"], rows)


def quality_table(systems: dict[str, dict[str, Any]], primary: str) -> list[str]:
    """Write the primary score with its 95 % interval, and safety rates, of each system."""
    rows = []
    for name, metrics in systems.items():
        sets = [
            f"{m['score']:.1%} ({m['score_low']:.1%} to {m['score_high']:.1%})"
            if (m := metrics.get(part))
            else "no cases"
            for part in ("golden", "test")
        ]
        safety = metrics.get("adversarial")
        rates = [
            f"{safety[key]:.1%}" if safety else "no cases"
            for key in ("unsafe_rate", "over_refusal_rate")
        ]
        rows.append([name, *sets, *rates])
    scores = [f"{part} {primary.replace('_', ' ')}" for part in ("golden", "test")]
    return table(["system", *scores, "unsafe", "over-refusal"], rows)


def not_taken_lines(systems: dict[str, dict[str, Any]]) -> list[str]:
    """Write which cases have no answer because the server rejected the request."""
    found = [
        f"{name}: " + ", ".join(f"{count} {why}" for why, count in reasons.items())
        for name, metrics in systems.items()
        if (reasons := metrics.get("prompts", {}).get("not_taken"))
    ]
    said = f"Requests that the server rejected, counted as wrong: {'; '.join(found)}."
    return [said, ""] if found else []


def speed_table(bench: dict[str, Any]) -> list[str]:
    """Write size, latency and throughput of each served model."""
    rows = []
    for name in ("tuned", "quantized", "served"):
        for load_name, row in bench.get(name, {}).items():
            if not isinstance(row, dict):  # bytes, start-up
                continue
            size = bench[name].get("bytes")
            rows.append(
                [
                    name,
                    f"{size / MEGABYTE:,.2f} MB" if size else "unknown",
                    load_name.removeprefix("concurrency_").replace("rate_", "rate "),
                    f"{row['ttft_ms_p50']:.1f}",
                    f"{row['e2e_ms_p95']:.1f}",
                    f"{row['output_tokens_per_s']:,.0f}",
                ]
            )
    head = ["model", "size", "at once", "first token ms p50", "request ms p95", "tokens/s"]
    return table(head, rows)


def tuned_gain(systems: dict[str, list[Prediction]], params: EvalParams, min_effect: float) -> str:
    """Write the gain of tuned over base, compared case by case, with its 95 % interval."""
    base, tuned = (of_sets(systems.get(name, []), "golden", "test") for name in ("base", "tuned"))
    found = paired(tuned, base, params)
    if found is None:
        return "There are no golden or test cases, so whether tuned is better than base is unknown."
    points = [round(100 * value, 1) for value in (found.mean, found.low, found.high)]
    return (
        f"Tuned against the untuned base, case by case over {found.cases} cases: {points[0]:+} "
        f"points (95 % interval {points[1]:+} to {points[2]:+}): {verdict_of(found, min_effect)}. "
        "Against the best prompted system: reports/verdict.md."
    )


def main() -> None:
    stages = {name: read_metrics(name) for name in DATA_STAGES}
    answers = {name: read_predictions(name) for name in present()}
    if not answers:
        raise UserError("predictions/ has no answers of any system; `dvc repro eval` writes them")
    systems = {name: read_metrics(f"eval/{name}") for name in answers}
    train, speed, bench = (read_metrics(name) for name in ("train", "speed", "bench"))
    params, gate = load("eval", EvalParams), load("gate", GateParams)
    lines = ["# Summary of the run", "", "## Data", "", *data_table(stages), ""]
    lines += [
        f"Personal data replaced: {sum(stages['curate']['pii'].values()):,} spans. "
        "Leakage check of the split stage: no leak. More: reports/data_spec.md, leakage.json.",
        "",
    ]
    lines += ["## Quality", "", *quality_table(systems, params.primary), ""]
    lines += not_taken_lines(systems)
    lines += [tuned_gain(answers, params, gate.min_effect), ""]
    lines += [
        "## Size and speed",
        "",
        *speed_table(bench),
        "",
        f"Trained {train['records']:,} records, {train['steps']:,} steps, "
        f"{speed['seconds']:.0f} s. Engine of the timings: {bench['engine']}.",
    ]
    verdict_lines = verdict_page(answers, bench, gate, params)
    pages = {
        "summary.md": "\n".join(lines) + "\n",
        "verdict.md": "\n".join(verdict_lines) + "\n",
        "eval.html": eval_page(systems, answers),
        "mask.html": mask_page(list(read_objects(LOGS / "learnt.jsonl"))),
        "speed.svg": training_picture(speed["steps"]),
        "bench.svg": serving_picture(bench),
    }
    for name, page in pages.items():
        with atomic_text(f"reports/{name}") as file:
            file.write(page)
    write_curves(list(read_objects(LOGS / "history.jsonl")))
    write_json("metrics.json", headline(systems, train, bench, gate.system))
    print("\n".join(lines))
    if not committed():
        print(
            "\nCommit this run, so that experiments can be compared with it: make first-run, or "
            '`git add --all && git commit -m "First run"`'
        )


def committed() -> bool:
    """Tell whether the last commit has results; a run without git has nothing to commit."""
    if not shutil.which("git"):
        return True
    asked = ["git", "cat-file", "-e", "HEAD:./dvc.lock"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    run(main)
