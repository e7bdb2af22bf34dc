"""Add the figures of eval to a model card, which `make package` puts beside the weights."""

from pathlib import Path
from typing import Any

from lib.report.markdown import table
from lib.runtime.files import read_json

_SETS, _EXACT = ("golden", "test"), "exact_match"  # of metrics/eval/*.json


def read_results(folder: str | Path = "metrics/eval") -> dict[str, Any]:
    """Read metrics/eval/*.json by system: base, tuned, quantized, ..."""
    paths = sorted(Path(folder).glob("*.json"))
    return {path.stem: read_json(path) for path in paths}


def with_results(card: str, name: str, system: str, results: dict[str, Any]) -> str:
    """Add the figures of eval to a model card, in front matter and text.

    name: the name of the model; system: which of `results` (read_results) is packed, tuned or
    quantized. Shows the primary score of every set that has one.
    """
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

    written = ModelCard(card, ignore_metadata_errors=True)
    fields = written.data.to_dict() | {
        "model_name": name,
        "eval_results": [
            EvalResult(
                task_type="text-generation",
                dataset_name=f"{part} cases of the project",
                dataset_type=part,
                metric_type=figures.get("primary", _EXACT),
                metric_value=round(primary(figures)[0], 4),
            )
            for part, figures in results[system].items()
            if part in _SETS
        ],
    }
    data = ModelCardData(**fields)
    above = written.text.partition("## Evaluation\n")[0].strip()  # the last section
    section = "\n".join(["## Evaluation", "", *evaluation(system, results)])
    return f"---\n{data.to_yaml()}\n---\n\n{above}\n\n{section}\n"


def evaluation(system: str, results: dict[str, Any]) -> list[str]:
    """Tabulate the primary score of every system on every set, with its interval."""
    parts = [part for part in _SETS if part in results[system]]
    names = sorted({results[system][part].get("primary", _EXACT) for part in parts})
    rows = [
        [f"**{name}** (this model)" if name == system else name]
        + [figure(result[part]) if part in result else "not measured" for part in parts]
        for name, result in results.items()
    ]
    return [
        f"{', '.join(names)}, with 95 % intervals:",
        "",
        *table(["system", *parts], rows),
        "",
        "By language, tag and kind of error, with examples: `reports/` of the project.",
    ]


def primary(figures: dict[str, Any]) -> tuple[float, float | None, float | None]:
    """Return a set's primary score and the ends of its interval; exact match if there is none."""
    key = "score" if "score" in figures else _EXACT
    return figures[key], figures.get(f"{key}_low"), figures.get(f"{key}_high")


def figure(figures: dict[str, Any]) -> str:
    """Format the primary score as a percentage with its interval."""
    value, low, high = primary(figures)
    return f"{value:.1%}" + (f" ({low:.1%} to {high:.1%})" if low is not None else "")
