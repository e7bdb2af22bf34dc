"""Describe on one page how the model was trained and why, for a review, from artifacts.

reads   params.yaml, logs/train/estimate.json, reports/leakage.json, metrics/train.json,
        data/split/{train,val}.jsonl, models/tuned, the base
writes  reports/training_plan.md, reports/model_card.md (deploy/package.py puts it beside the
        weights, with the figures of eval)

Timings and memory differ from run to run: they stay in metrics/speed.json.
"""

from pathlib import Path
from typing import Any

from lib.core.config import load
from lib.core.leakage_check import LeakageCheck, read_leakage_check
from lib.core.params import BaseParams, HardwareParams, TaskParams
from lib.core.records import read_records
from lib.model.loading import TUNED
from lib.release.params import GateParams
from lib.report.gpus import UTILISATION, check_prices, gpu_hours, hours_in_words
from lib.report.markdown import cell, table
from lib.report.model_card import flat, sum_up_data, training_card
from lib.runtime.errors import run
from lib.runtime.files import atomic_text, read_json, sha256
from lib.train.license import card_of, check_license
from lib.train.params import TrainParams
from lib.train.preference import learnt_from

TRAINED_ON = ("data/split/train.jsonl", "data/split/val.jsonl")


WHY = {
    "lora": "Low-rank adapters (Hu et al., 2021) train a few weights beside the frozen ones: "
    "little memory, little forgetting, and on tasks of this size usually as good as full "
    "fine-tuning (Biderman et al., 2024: not for much new knowledge). They are merged into the "
    "base afterwards, so serving costs no more.",
    "full": "Every weight is trained: it learns most from the records, at about five times the "
    "memory of adapters, and forgets more of what the base knew.",
    "qlora": "Adapters on a base in 4 bits (NF4; Dettmers et al., 2023): fits a model on a GPU "
    "that would otherwise be too small, at lower speed. They are merged into the unquantized "
    "base, which differs slightly from the one they were trained on; eval measures the merged "
    "model.",
    "dpo": "Direct preference optimization (Rafailov et al., 2023) on pairs of a better and a "
    "worse answer: for qualities that are easier to compare than to write down, such as tone or "
    "refusals.",
    "kto": "Kahneman-Tversky optimization (Ethayarajh et al., 2024) on single answers labeled "
    "good or bad, such as users' thumbs: no second answer to the same question is needed.",
}
_NO_ADAPTER = (
    " No adapter is exported: the second is trained on top of the first, already merged one, and "
    "does not fit the base."
)
TRAININGS = {"sft": "Supervised fine-tuning", "dpo": "DPO", "kto": "KTO"}
ALTERNATIVES = (
    "Prompting needs no training and follows a changed rule at once; retrieval provides changing "
    "facts, which should not be in weights. Fine-tuning is for what neither does well: a fixed "
    "output format, internal rules and names that the base does not know, short prompts at high "
    "volume. Whether it is worth it here is measured: eval asks the untuned base the same cases, "
    "without examples, with fixed examples and with retrieved ones, and `reports/verdict.md` "
    "gives the difference and whether it is significant. If it is not, use the cheaper method."
)


def in_figures(value: Any) -> str:
    """Format a number for people."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else cell(str(value))


def glance(
    params: TrainParams, base: BaseParams, task: TaskParams, used: dict[str, Any]
) -> list[str]:
    """Write what a reviewer asks first."""
    rows = [
        ["task", cell(task.system or "the records' own prompts")],
        ["base", f"`{base.model}`" + (f" at `{base.revision}`" if base.revision else "")],
        ["license of the base", f"{cell(base.license)}; declared use: {base.use}"],
        ["method", params.method],
        ["trained on", f"{used['records']:,} records, {used['tokens']:,} tokens in all epochs"],
        ["validation loss", _losses(used, "val_loss")],
    ]
    if "preference_val_loss" in used:
        rows.append(
            ["validation loss of preference training", _losses(used, "preference_val_loss")]
        )
    if not used.get("learnt", True):
        rows.append(
            ["learnt", "**nothing**: the model equals its base, or is no better on validation"]
        )
    if used.get("few_steps"):
        rows.append(["steps", f"{used['steps']:,}: too few to learn much"])
    return table(["what", "answer"], rows)


def _losses(used: dict[str, Any], name: str) -> str:
    """Format a validation loss, and its value before the first step."""
    if name not in used:
        return "no validation records"
    after, before = in_figures(used[name]), used.get(f"{name}_before")
    return f"{after}; {in_figures(before)} before the first step" if before else after


def method(params: TrainParams) -> list[str]:
    """Write the method, and what it is based on."""
    if not params.prefers:
        return [WHY[params.method]]
    start = "after supervised fine-tuning on the chats" if params.supervised else "from the base"
    learnt = "every weight" if params.weights == "full" else "adapters, merged afterwards"
    apart = "" if params.weights == "full" or params.adapts_base else _NO_ADAPTER
    return [WHY[params.method], "", f"Here {start}; trained: {learnt}.{apart}"]


def configuration(sections: dict[str, dict[str, Any]]) -> list[str]:
    """Write every key of the sections that decide the weights."""
    rows = [
        [f"`{name}.{key}`", cell(str(value))]
        for name, values in sections.items()
        for key, value in flat(values).items()
    ]
    return [*table(["key", "value"], rows), "", "`params.yaml` says what each key does."]


def compute(estimate: dict[str, Any], used: dict[str, Any], prices: dict[str, float]) -> list[str]:
    """Write the estimate made before the first step, and the actual figures; `prices`: per hour."""
    lines = []
    for name, phase in estimate["phases"].items():
        of = "" if name == "sft" else "preference_"
        steps, tokens = used[f"{of}steps"], used[f"{of}tokens"]
        operations = phase["operations"] * tokens / phase["tokens"]
        rows = [
            ["steps", in_figures(phase["steps"]), in_figures(steps)],
            ["tokens", in_figures(phase["tokens"]), in_figures(tokens)],
            [
                "tokens per step",
                in_figures(phase["tokens"] // phase["steps"]),
                in_figures(tokens // steps),
            ],
            ["operations", in_figures(phase["operations"]), in_figures(operations)],
        ]
        lines += [f"{TRAININGS[name]}:", "", *table(["what", "estimated", "used"], rows), ""]
    for name, phase in estimate["phases"].items():
        held = ", ".join(f"{what} {size / 1e9:.2f}" for what, size in phase["memory_bytes"].items())
        total = sum(phase["memory_bytes"].values()) / 1e9
        lines += [
            f"- {name}: {in_figures(phase['operations'])} operations in {phase['steps']:,} steps; "
            f"{total:.2f} GB per device ({held})"
        ]
    hours = hours_in_words(gpu_hours(estimate), prices)
    return [
        *lines,
        "",
        f"Trained weights: {estimate['trainable']:,} of {estimate['parameters']:,}. On one GPU, "
        f"at {UTILISATION:.0%} of its peak at most: {hours or 'fits on none of those known'}. "
        "Seconds, tokens per second and the memory used are in `metrics/speed.json`.",
    ]


def checkpoints(params: TrainParams, fixed: bool) -> list[str]:
    """Write how a run survives interruptions, and which checkpoint is kept.

    `fixed`: whether kernels are deterministic.
    """
    kept = {"last": "the last step", "best": "the checkpoint with the lowest validation loss"}
    stop = f", or after {params.early_stopping} validations without a lower loss"
    return [
        f"One every {params.checkpoint_steps} steps, in `.scratch/train/` under a name made from "
        "data, params and base, so that a run resumes only from its own checkpoints; two are kept, "
        "since the last may be incomplete. A killed run resumes from the last complete one"
        f"{' and ends with the same bits' if fixed else ''}. They are deleted when the stage has "
        "written `models/tuned`.",
        "",
        f"The weights of {kept[params.keep]} are kept; training ends after its epochs"
        f"{stop if params.early_stopping else ''}. Neither uses test or golden cases.",
    ]


def seeds(params: TrainParams, hardware: HardwareParams) -> list[str]:
    """Write what makes the run reproducible, and what does not."""
    if not hardware.deterministic:
        return [
            f"Seed {params.seed} draws the order of the records, new weights and dropout; kernels "
            "may sum in any order (`hardware.deterministic` is false), so the last digits differ "
            "between runs. Train with several seeds before a close decision.",
        ]
    return [
        f"Seed {params.seed} draws the order of the records (all epochs, before the first step), "
        f"new weights and dropout. {hardware.threads} CPU threads and deterministic "
        "kernels are fixed. The same data, params, base, machine and versions give the same "
        "weights; another machine rounds differently. One seed is one sample: before a close "
        "decision, train with others (`dvc exp run -S train.seed=2`).",
    ]


def outcome(used: dict[str, Any]) -> list[str]:
    """Write the metrics of training."""
    rows = [[f"`{name}`", in_figures(value)] for name, value in used.items()]
    return [*table(["measured", "value"], rows), "", "Curves: `reports/train.svg`."]


def plan_hashes(base: BaseParams, check: LeakageCheck) -> list[str]:
    """Format hashes of data, base and trained weights for `sha256sum --check`."""
    found = {path: one.sha256 for path, one in check.compared.items()}
    files = [path for path in sorted(Path(base.model).glob("*")) if path.is_file()]
    files += sorted(Path(TUNED).glob("*.safetensors"))
    found |= {path.as_posix(): sha256(path) for path in files}
    return ["```", *(f"{value}  {path}" for path, value in found.items()), "```"]


def main() -> None:
    """Run the stage."""
    params, task = load("train", TrainParams), load("task", TaskParams)
    base, hardware = load("base", BaseParams), load("hardware", HardwareParams)
    # Train checked it, but does not run again when the license changes.
    check_license(base, card_of(base))
    prices = load("gate", GateParams).cost.gpu_per_hour
    check_prices(prices)
    used, estimate = read_json("metrics/train.json"), read_json("logs/train/estimate.json")
    sections = {"train": params, "base": base, "hardware": hardware}
    page = {
        "At a glance": glance(params, base, task, used),
        "Method": method(params),
        "Would prompting or retrieval do?": [ALTERNATIVES],
        "Configuration": configuration({n: one.model_dump() for n, one in sections.items()}),
        "Compute": compute(estimate, used, prices),
        "Checkpoints": checkpoints(params, hardware.deterministic),
        "Seeds": seeds(params, hardware),
        "Outcome": outcome(used),
        "Hashes (sha256)": plan_hashes(base, read_leakage_check()),
    }
    with atomic_text("reports/training_plan.md") as file:
        file.write(
            "# Training plan\n\nWritten by `stages/training_plan.py`: do not edit, changes are "
            "overwritten.\n"
        )
        for title, lines in page.items():
            file.write("\n".join(["", f"## {title}", "", *lines, ""]))
    records = list(read_records(TRAINED_ON[0]))
    data = sum_up_data({path: sha256(path) for path in TRAINED_ON}, learnt_from(records, params))
    with atomic_text("reports/model_card.md") as file:
        file.write(training_card(base, params, task, data, used))
    print("training_plan: reports/training_plan.md, reports/model_card.md")


if __name__ == "__main__":
    run(main)
