"""Measure what the model forgot: tasks of lm-evaluation-harness for tuned and base.

run     make harness
needs   pip install -c constraints.txt '.[harness]'
reads   params.yaml (harness, base, hardware), evals/harness/*.yaml, models/tuned
writes  reports/harness.json, reports/harness.md

Tasks of evals/harness run offline; those of lm-evaluation-harness load their data from the hub.
Both models answer the same questions, so they are compared question by question where a metric is a
mean over questions; others, such as perplexity, are only shown.
"""

from math import isclose
from pathlib import Path
from typing import Any, NamedTuple

from lib.core.config import load
from lib.core.leakage_check import TASKS
from lib.core.params import BaseParams, HardwareParams
from lib.engines.weights import load_weights
from lib.evaluate.stats import ALPHA, compare_paired
from lib.model.loading import TUNED, deterministic, load_tokenizer, torch_device
from lib.report.markdown import table
from lib.runtime.errors import UserError, run
from lib.runtime.files import atomic_text, write_json
from review.params import HarnessParams

JSON, _PAGE = Path("reports/harness.json"), Path("reports/harness.md")
_RESAMPLES, _SEED = 2000, 1


class Score(NamedTuple):
    """One metric of one task."""

    value: float
    each: list[float]  # by question; empty if the value is not their mean
    higher: bool  # is better


TaskScores = dict[tuple[str, str], Score]  # by task and metric


def load_harness() -> Any:
    """Import lm_eval; raise UserError where it is not installed."""
    try:
        import lm_eval.models.huggingface
        import lm_eval.tasks
    except ImportError:
        raise UserError(
            "review.harness: lm-evaluation-harness is not installed; "
            "pip install -c constraints.txt '.[harness]'"
        ) from None
    return lm_eval


def read_tasks(lm_eval: Any, params: HarnessParams) -> Any:
    """Return the task manager; raise UserError for a task it does not know."""
    manager = lm_eval.tasks.TaskManager(include_path=str(TASKS))
    for name in params.tasks:
        if name not in manager.all_tasks:
            raise UserError(
                f"params.yaml: harness.tasks has '{name}', which is neither in {TASKS}/ nor a task "
                f"of lm-evaluation-harness {lm_eval.__version__} (`lm_eval ls tasks`)"
            )
    return manager


def ask_harness(
    lm_eval: Any, manager: Any, folder: str, revision: str | None, params: HarnessParams
) -> TaskScores:
    """Ask one model and return its scores."""
    base, hardware = load("base", BaseParams), load("hardware", HardwareParams)
    device = torch_device(hardware)
    template = base.chat_template if folder == base.model else None
    model = lm_eval.models.huggingface.HFLM(
        pretrained=load_weights(folder, base.dtype, device, revision),
        tokenizer=load_tokenizer(folder, revision, template),
        batch_size=params.batch_size,
        device=device,
    )
    try:
        results = lm_eval.simple_evaluate(
            model=model,
            tasks=params.tasks,
            limit=params.limit,
            task_manager=manager,
            apply_chat_template=params.chat,
            bootstrap_iters=0,
        )
    except (OSError, ValueError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"params.yaml: harness.tasks {params.tasks}: {said}") from None
    return read_scores(results)


def read_scores(results: Any) -> TaskScores:
    """Read every metric of lm-evaluation-harness's results.

    If there are several filters, the metric's name includes its filter.
    """
    found = {}
    for task, rows in results["samples"].items():
        for name, value in results["results"][task].items():
            metric, comma, kept = name.partition(",")
            if comma and isinstance(value, int | float) and not metric.endswith("_stderr"):
                each = [row.get(metric) for row in rows if row["filter"] == kept]
                higher = results["higher_is_better"].get(task, {}).get(metric) is not False
                title = metric if kept == "none" else f"{metric} ({kept})"
                found[task, title] = Score(float(value), mean_of(each, value), higher)
    return found


def mean_of(each: list[Any], value: float) -> list[float]:
    """Return the values of the questions if `value` is their mean; else []."""
    numbers = [float(one) for one in each if isinstance(one, int | float)]
    whole = bool(numbers) and len(numbers) == len(each)
    return numbers if whole and isclose(sum(numbers) / len(numbers), value, abs_tol=1e-9) else []


def compare_scores(base: TaskScores, tuned: TaskScores) -> list[dict[str, Any]]:
    """Return a row for each task and metric; interval and p only with scores by question."""
    rows = []
    for (task, metric), after in tuned.items():
        before = base[task, metric]
        row: dict[str, Any] = {"task": task, "metric": metric, "questions": len(after.each) or None}
        row |= {"higher_is_better": after.higher, "base": before.value, "tuned": after.value}
        row |= {"difference": after.value - before.value, "low": None, "high": None, "p": None}
        if after.each and before.each:
            each = [str(number) for number in range(len(after.each))]
            found = compare_paired(after.each, before.each, each, _RESAMPLES, _SEED)
            row |= {"low": found.low, "high": found.high, "p": found.p}
        rows.append({name: round(v, 6) if isinstance(v, float) else v for name, v in row.items()})
    return rows


def harness_page(rows: list[dict[str, Any]], params: HarnessParams) -> list[str]:
    """Write the report."""
    head = ["task", "metric", "better", "questions", "base", "tuned"]
    head += ["difference (95 % interval)", "verdict"]
    lines = ["# General ability: tuned against base", ""]
    if params.limit:
        lines += [f"The first {params.limit} questions of each task: a preview, not a result.", ""]
    shown = [
        [
            *(row["task"], row["metric"], "higher" if row["higher_is_better"] else "lower"),
            *(str(row["questions"] or ""), f"{row['base']:.3f}", f"{row['tuned']:.3f}"),
            *(difference(row), word(row)),
        ]
        for row in rows
    ]
    lines += [*table(head, shown), "", "Compared question by question; see lib/evaluate/stats.py."]
    if any(row["p"] is None for row in rows):
        lines += ["Not tested: metrics that are not a mean over questions, such as perplexity."]
    return lines


def difference(row: dict[str, Any]) -> str:
    """Format tuned minus base, with its interval if there is one."""
    interval = "" if row["p"] is None else f" ({row['low']:+.3f} to {row['high']:+.3f})"
    return f"{row['difference']:+.3f}{interval}"


def word(row: dict[str, Any]) -> str:
    """Return better or worse if significant; for untested metrics by the value alone."""
    said = "better" if (row["difference"] > 0) == row["higher_is_better"] else "**worse**"
    if row["p"] is None:
        return f"{said if row['difference'] else 'the same'}, not tested"
    return said if row["p"] < ALPHA else "inconclusive"


def main() -> None:
    params, base = load("harness", HarnessParams), load("base", BaseParams)
    if not Path(TUNED).is_dir():
        raise UserError(f"{TUNED}: is missing; `dvc repro train` creates it")
    deterministic(_SEED, load("hardware", HardwareParams))
    lm_eval = load_harness()
    manager = read_tasks(lm_eval, params)
    before = ask_harness(lm_eval, manager, base.model, base.revision, params)
    rows = compare_scores(before, ask_harness(lm_eval, manager, TUNED, None, params))
    write_json(JSON, rows)
    lines = harness_page(rows, params)
    with atomic_text(_PAGE) as file:
        file.write("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    run(main)
