"""Say on one page how the model was trained and why so: for a review, written from artifacts.

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
    "lora": "Low-rank adapters (Hu et al., 2021) learn a few weights beside the frozen ones: "
    "little memory, little forgetting, and on tasks of this size usually as good as full "
    "fine-tuning (Biderman et al., 2024, say where not: much new knowledge). They are merged into "
    "the base afterwards, so serving costs nothing more.",
    "full": "Every weight is trained: the most that can be learnt from the records, at some five "
    "times the memory of adapters, and with more forgetting of what the base knew.",
    "qlora": "Adapters on a base held in 4 bits (NF4; Dettmers et al., 2023): trains a model on a "
    "GPU too small for it otherwise, at some speed. They are merged into the unquantized base, "
    "which differs a little from the one they were trained on; eval measures the merged model.",
    "dpo": "Direct preference optimisation (Rafailov et al., 2023) on pairs of a better and a "
    "worse answer: for what is easier to compare than to write down, such as tone or refusals.",
    "kto": "Learning from single answers that were found good or bad (Kahneman-Tversky "
    "optimisation; Ethayarajh et al., 2024), as users' thumbs give them: no second answer to the "
    "same question is needed.",
}
_NO_ADAPTER = (
    " No adapter is exported: the second is trained on top of the first, already merged, and does "
    "not fit the base."
)
TRAININGS = {"sft": "Supervised fine-tuning", "dpo": "DPO", "kto": "KTO"}
ALTERNATIVES = (
    "Prompting needs no training and follows a changed rule at once; retrieval brings facts that "
    "change, which weights should not hold. Fine-tuning is for what neither does well: a fixed "
    "form of answer, house rules and names that the base does not know, prompts kept short at high "
    "volume. Whether it was worth it here is measured, not assumed: eval asks the untuned base the "
    "same cases, as it is, with examples in the prompt and with retrieved ones, and "
    "`reports/verdict.md` says what the difference is and whether it exceeds the noise. Where it "
    "does not, take the cheaper way."
)


def in_figures(value: Any) -> str:
    """Format a figure for people."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else cell(str(value))


def glance(
    params: TrainParams, base: BaseParams, task: TaskParams, used: dict[str, Any]
) -> list[str]:
    """Show what a reviewer asks first."""
    rows = [
        ["task", cell(task.system or "the records' own prompts")],
        ["base", f"`{base.model}`" + (f" at `{base.revision}`" if base.revision else "")],
        ["license of the base", f"{cell(base.license)}; declared use: {base.use}"],
        ["method", params.method],
        ["trained on", f"{used['records']:,} records, {used['tokens']:,} tokens in all epochs"],
        ["loss on validation", _losses(used, "val_loss")],
    ]
    if "preference_val_loss" in used:
        rows.append(["the same of preferences", _losses(used, "preference_val_loss")])
    if not used.get("learnt", True):
        rows.append(["learnt", "**nothing**: the model is its base, or no better on validation"])
    if used.get("few_steps"):
        rows.append(["steps", f"{used['steps']:,}: too few to learn much"])
    return table(["what", "answer"], rows)


def _losses(used: dict[str, Any], name: str) -> str:
    """Show a loss on validation, and what it was before the first step."""
    if name not in used:
        return "no validation records"
    after, before = in_figures(used[name]), used.get(f"{name}_before")
    return f"{after}; {in_figures(before)} before the first step" if before else after


def method(params: TrainParams) -> list[str]:
    """Show the method, and what it is based on."""
    if not params.prefers:
        return [WHY[params.method]]
    start = "after supervised fine-tuning on the chats" if params.supervised else "from the base"
    learnt = "every weight" if params.weights == "full" else "adapters, merged afterwards"
    apart = "" if params.weights == "full" or params.adapts_base else _NO_ADAPTER
    return [WHY[params.method], "", f"Here {start}; what learns: {learnt}.{apart}"]


def configuration(sections: dict[str, dict[str, Any]]) -> list[str]:
    """Show every key of the sections that decide the weights."""
    rows = [
        [f"`{name}.{key}`", cell(str(value))]
        for name, values in sections.items()
        for key, value in flat(values).items()
    ]
    return [*table(["key", "value"], rows), "", "`params.yaml` says what each key does."]


def compute(estimate: dict[str, Any], used: dict[str, Any], prices: dict[str, float]) -> list[str]:
    """Show what was estimated before the first step, and what it came to; `prices` are per hour."""
    lines = []
    for name, phase in estimate["phases"].items():
        of = "" if name == "sft" else "preference_"
        steps, tokens = used[f"{of}steps"], used[f"{of}tokens"]
        operations = phase["operations"] * tokens / phase["tokens"]
        rows = [
            ["steps", in_figures(phase["steps"]), in_figures(steps)],
            ["tokens", in_figures(phase["tokens"]), in_figures(tokens)],
            [
                "tokens a step",
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
        f"Trained are {estimate['trainable']:,} of {estimate['parameters']:,} weights. On one GPU, "
        f"at {UTILISATION:.0%} of its peak at most: {hours or 'fits none of those known'}. "
        "Seconds, tokens per second and the memory used are in `metrics/speed.json`.",
    ]


def checkpoints(params: TrainParams, fixed: bool) -> list[str]:
    """Show how a run survives interruptions, and what of it is kept.

    `fixed` says whether kernels have one order.
    """
    kept = {"last": "the last step", "best": "the checkpoint with the least validation loss"}
    stop = f", or after {params.early_stopping} validations without a better one"
    return [
        f"One every {params.checkpoint_steps} steps, in `.scratch/train/` under a name made from "
        "data, params and base, so that a run goes on from its own past only; two are kept, since "
        "the last may be half written. A killed run goes on from the last whole one"
        f"{' and ends in the same bits' if fixed else ''}. They are deleted when the stage has "
        "written `models/tuned`.",
        "",
        f"Kept are the weights of {kept[params.keep]}; training ends after its epochs"
        f"{stop if params.early_stopping else ''}. Neither looks at test or golden cases.",
    ]


def seeds(params: TrainParams, hardware: HardwareParams) -> list[str]:
    """Show what makes the run come out the same twice, and what does not."""
    if not hardware.deterministic:
        return [
            f"Seed {params.seed} draws the order of the records, fresh weights and dropout; "
            "kernels may add up in any order (`hardware.deterministic` is false), so the last "
            "digits differ from run to run. Train with several seeds before a close decision.",
        ]
    return [
        f"Seed {params.seed} draws the order of the records (all epochs laid out before the first "
        f"step), fresh weights and dropout. {hardware.threads} CPU threads and deterministic "
        "kernels are fixed. The same data, params, base, machine and versions give the same "
        "weights; another machine rounds differently. One seed is one sample: before a close "
        "decision, train with others (`dvc exp run -S train.seed=2`).",
    ]


def outcome(used: dict[str, Any]) -> list[str]:
    """Show what training measured."""
    rows = [[f"`{name}`", in_figures(value)] for name, value in used.items()]
    return [*table(["measured", "value"], rows), "", "Curves: `reports/train.svg`."]


def plan_hashes(base: BaseParams, check: LeakageCheck) -> list[str]:
    """Format hashes as `sha256sum --check` reads them: data, base and the weights that came out."""
    found = {path: one.sha256 for path, one in check.compared.items()}
    files = [path for path in sorted(Path(base.model).glob("*")) if path.is_file()]
    files += sorted(Path(TUNED).glob("*.safetensors"))
    found |= {path.as_posix(): sha256(path) for path in files}
    return ["```", *(f"{value}  {path}" for path, value in found.items()), "```"]


def main() -> None:
    """Run the stage."""
    params, task = load("train", TrainParams), load("task", TaskParams)
    base, hardware = load("base", BaseParams), load("hardware", HardwareParams)
    check_license(base, card_of(base))  # train did, but does not run again when the license changes
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
            "# Training plan\n\nWritten by `stages/training_plan.py`: a change made here is lost.\n"
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
