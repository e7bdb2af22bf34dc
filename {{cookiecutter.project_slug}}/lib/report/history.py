"""Draw the curves of a training from logs/train/history.jsonl."""

from typing import Any

from lib.report.charts import Panel, curves
from lib.runtime.files import atomic_text, write_json


def in_a_row(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with steps that continue from one training to the next."""
    found, before = list[dict[str, Any]](), 0
    for at, row in enumerate(rows):
        if at and row["phase"] != rows[at - 1]["phase"]:
            before = found[-1]["step"]
        found.append(row | {"step": before + row["step"]})
    return found


def write_curves(rows: list[dict[str, Any]]) -> None:
    """Write plots/{train,val}.json (for `dvc plots`) and reports/train.svg."""
    rows = in_a_row(rows)
    train = [row for row in rows if "loss" in row]
    val = [row for row in rows if "eval_loss" in row]
    keys = ("phase", "step", "loss", "grad_norm", "learning_rate")
    write_json("plots/train.json", [{key: row[key] for key in keys} for row in train])
    write_json(
        "plots/val.json",
        [{"phase": row["phase"], "step": row["step"], "loss": row["eval_loss"]} for row in val],
    )
    with atomic_text("reports/train.svg") as file:
        file.write(picture(train, val))


def picture(train: list[dict[str, Any]], val: list[dict[str, Any]]) -> str:
    """Draw loss (train and validation), learning rate and gradient norm by step."""

    def line(rows: list[dict[str, Any]], name: str) -> list[tuple[float, float]]:
        return [(row["step"], row[name]) for row in rows]

    return curves(
        "step",
        [
            Panel("Loss", {"train": line(train, "loss"), "val": line(val, "eval_loss")}),
            Panel("Learning rate", {"": line(train, "learning_rate")}),
            Panel("Gradient norm", {"": line(train, "grad_norm")}),
        ],
    )
