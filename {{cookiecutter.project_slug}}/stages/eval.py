"""Score the stored answers of every system, by case and in total.

reads   answers/*.jsonl, metrics/answer/*.json, evals/{golden,adversarial}.jsonl,
        data/split/test.jsonl, reports/leakage.json
writes  predictions/SYSTEM.jsonl (each case with its answer, category and scores),
        metrics/eval/SYSTEM.json

No model runs, except for the classifier of eval.safety if one is named.
"""

from typing import Any

from lib.cases.answers import answered_systems, read_answers
from lib.cases.cases import TEST, Case, collect_cases
from lib.cases.evals import FILES
from lib.core.config import load
from lib.core.leakage_check import require_checked
from lib.core.params import TaskParams
from lib.core.records import text_of, write_records
from lib.core.schema import schema_hash
from lib.engines.kept import Kept
from lib.evaluate.params import EvalParams, check_primary
from lib.evaluate.right_answers import check_answers
from lib.evaluate.rows import labels_of, make_row
from lib.evaluate.safety import KEPT, flag
from lib.evaluate.summary import summarise, summarise_adversarial
from lib.runtime.errors import UserError, run
from lib.runtime.files import atomic_folder, read_json, sha256, write_json


def score_answers(
    system: str, cases: list[Case], task: TaskParams, params: EvalParams
) -> list[Case]:
    """Return the rows of a system: each case with its answer, category and scores."""
    answers = read_answers(system, cases)
    labels = labels_of(cases, task)
    exchanges = [
        (text_of(case["prompt"]), answer.text) for case, answer in zip(cases, answers, strict=True)
    ]
    flags = flag(exchanges, params.safety)
    return [
        make_row(case, answer, task, params, labels, flagged)
        for case, answer, flagged in zip(cases, answers, flags, strict=True)
    ]


def check_constraint(asked: dict[str, Any], system: str, task: TaskParams) -> None:
    """Raise UserError if answers were constrained by another schema than the task's current one."""
    if asked.get("constrained_by") not in (None, schema_hash(task.json_schema)):
        raise UserError(
            f"answers/{system}.jsonl: the answers were constrained by another schema than that of "
            f"`task` in params.yaml; `dvc repro --force --single-item answer@{system}` asks again"
        )


def count_sets(rows: list[Case], task: TaskParams, params: EvalParams) -> dict[str, Any]:
    """Summarize the rows of each set for metrics/eval/SYSTEM.json."""
    metrics = {}
    for name in ("golden", "test"):
        if found := [row for row in rows if row["set"] == name]:
            metrics[name] = summarise(found, task, params)
    if found := [row for row in rows if row["set"] == "adversarial"]:
        metrics["adversarial"] = summarise_adversarial(found)
    return metrics


def main() -> None:
    """Run the stage."""
    params, task = load("eval", EvalParams), load("task", TaskParams)
    sets = [TEST, *map(str, FILES)]
    check_primary(params, task)
    require_checked(*sets)
    check_answers(task)
    cases = collect_cases()
    files = {path: sha256(path) for path in sets}
    with atomic_folder("predictions") as predictions, atomic_folder("metrics/eval") as figures:
        for system in answered_systems():
            asked = read_json(f"metrics/answer/{system}.json")
            check_constraint(asked, system, task)
            rows = score_answers(system, cases, task, params)
            metrics = {
                "files": files,
                "safety_classifier": params.safety.classifier,
                "prompts": asked,
                **count_sets(rows, task, params),
            }
            write_records(predictions / f"{system}.jsonl", rows)
            write_json(figures / f"{system}.json", metrics)
            for name in {"golden", "test"} & metrics.keys():
                print(f"eval {system}: {name} {params.primary} {metrics[name]['score']:.3f}")
    Kept(KEPT).forget()


if __name__ == "__main__":
    run(main)
