"""Write the model card of a tuned model, in the Hugging Face hub's format.

https://huggingface.co/docs/hub/model-cards

training_plan writes reports/model_card.md from the outputs of train (`training_card`). Quality is
measured later, by eval: `make package` adds the figures (card_results.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lib.core.params import BaseParams, TaskParams
from lib.core.records import Record
from lib.report.markdown import cell, table
from lib.train.license import hub_license
from lib.train.params import TrainParams

NOT_YET = (
    "Not in this card, which is written before eval. The figures are in `metrics/eval/` and "
    "`reports/summary.md` of the project, and in the model card of every package."
)


@dataclass(frozen=True)
class Data:
    """The facts about the training data on a card."""

    files: dict[str, str]  # path -> sha256
    languages: dict[str, int]  # records of train by language, where known
    licenses: list[str]


def sum_up_data(files: dict[str, str], train: Iterable[Record]) -> Data:
    """Summarize the training records: file hashes as given, languages and licenses."""
    languages: dict[str, int] = {}
    licenses = set()
    for record in train:
        licenses.add(record["license"])
        if record["language"]:
            languages[record["language"]] = languages.get(record["language"], 0) + 1
    ranked = sorted(languages.items(), key=lambda one: (-one[1], one[0]))
    return Data(files, dict(ranked), sorted(licenses))


def front_matter(base: BaseParams, params: TrainParams, data: Data) -> str:
    """Write the YAML metadata of a model card.

    A base from a folder has no hub id and is left out.
    """
    from huggingface_hub import ModelCardData

    named: dict[str, Any] = dict(hub_license(base.license))
    if base.on_hub:
        named |= {"base_model": base.model, "base_model_relation": "finetune"}
    fields = ModelCardData(
        **named,
        language=list(data.languages) or None,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["trl", params.method],
    )
    return f"---\n{fields.to_yaml()}\n---\n"


def training_card(
    base: BaseParams,
    params: TrainParams,
    task: TaskParams,
    data: Data,
    metrics: dict[str, Any],
) -> str:
    """Write the model card of a training; `metrics` as in metrics/train.json."""
    sections = {
        "Use": use(task, data),
        "Base": base_section(base),
        "Data": data_section(data),
        "Training": training_section(params, metrics),
        "Evaluation": [NOT_YET],
    }
    title = f"# {base.model}, tuned ({params.method})"
    body = [line for name, lines in sections.items() for line in (f"## {name}", "", *lines, "")]
    return front_matter(base, params, data) + "\n".join(["", title, "", *body]).rstrip() + "\n"


def use(task: TaskParams, data: Data) -> list[str]:
    """Describe what the model is for, how to prompt it, and its limits."""
    answers = {
        "json": "one line of JSON with "
        + "; ".join(
            f"`{name}`: {', '.join(values) or 'any text'}" for name, values in task.closed.items()
        ),
        "label": "one label: " + (", ".join(task.labels) or "one of those in the data"),
        "text": "text",
    }[task.output]
    lines = []
    if task.system:
        lines += ["Begin every chat with this system prompt, as in training:", ""]
        lines += ["```", task.system, "```", ""]
    lines += [f"Answers are {answers}.", ""]
    if task.refusal:
        lines += [f"Requests that must be refused get the answer `{task.refusal}`.", ""]
    languages = ", ".join(data.languages) or "those of its records"
    return [
        *lines,
        "Use the chat template of this folder and greedy decoding (`temperature` 0), as in the "
        "evaluation; many servers sample by default.",
        "",
        "**Limits.** Intended only for this task, in the languages it was trained on "
        f"({languages}); nothing else was measured. It keeps the biases and errors of its base. "
        "Its input may contain instructions by its authors (prompt injection): check an answer "
        "before anything acts on it.",
    ]


def base_section(base: BaseParams) -> list[str]:
    """Name the base and its license."""
    rows = [
        ["base", f"`{base.model}`"],
        [
            "revision",
            f"`{base.revision}`" if base.revision else "none: the project's folder base/",
        ],
        ["license", cell(base.license)],
        ["declared use", base.use],
        ["dtype", base.dtype],
    ]
    return table(["what", "value"], rows)


def data_section(data: Data) -> list[str]:
    """Describe the training data: size, languages, licenses and file hashes."""
    languages = ", ".join(f"{name} {count:,}" for name, count in data.languages.items())
    return [
        f"Licenses of the records: {', '.join(map(cell, data.licenses)) or 'none named'}. Records "
        f"of train by language: {languages or 'not known'}. Personal data was masked and leakage "
        "excluded as `reports/data_spec.md` of the project says.",
        "",
        "sha256 of the files:",
        "",
        "```",
        *(f"{value}  {path}" for path, value in data.files.items()),
        "```",
    ]


def training_section(params: TrainParams, metrics: dict[str, Any]) -> list[str]:
    """List the training's params and metrics."""
    unused = {"lora"} if params.weights == "full" else set()
    unused |= set() if params.prefers else {"preference"}
    used = flat(params.model_dump(exclude=unused))
    rows = [[f"`{name}`", cell(str(value))] for name, value in used.items()]
    found = [
        [f"`{name}`", f"{value:.6g}" if isinstance(value, float) else cell(str(value))]
        for name, value in metrics.items()
    ]
    return [*table(["parameter", "value"], rows), "", *table(["measured", "value"], found)]


def flat(values: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Flatten nested params to dotted keys, as for `dvc exp run --set-param`."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{above}{key}"
        found |= flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return found
