"""Turn a trainer's history into metrics, and write its rows to logs/train/history.jsonl.

DVCLive would write such files, too, but it needs a git repository with a commit, may run `dvc
init`, and writes while the stage runs, so that a killed run leaves half of them. The trainer's own
history is in every checkpoint: a resumed run writes the same rows as an uninterrupted one. report
draws them.
"""

import json
from pathlib import Path
from typing import Any

from lib.core.records import Record
from lib.model.chat import Example
from lib.runtime.files import atomic_text
from lib.train.encode import Setup
from lib.train.layout import lay_out
from lib.train.mask import share_learnt
from lib.train.preference import learnable

History = list[dict[str, Any]]
HISTORY = Path("logs/train/history.jsonl")
VARIES = ("_per_second", "_runtime", "memory_bytes", "train_loss", "num_tokens")
TIMED = ("tokens_per_second", "memory_bytes")


def _losses(history: History, name: str = "loss") -> History:
    """Return the rows of a history that have a loss called `name`."""
    return [row for row in history if name in row]


def measured(history: History, keep: str) -> dict[str, Any]:
    """Summarize one training: tokens, steps and losses.

    The validation loss is that of the kept weights, at `kept_step` if they are not the last.
    """
    end = next(row for row in history if "train_runtime" in row)
    found = {"tokens": end["tokens"], "steps": end["step"]}
    found["train_loss"] = _losses(history)[-1]["loss"]
    start = [row["eval_loss"] for row in _losses(history, "eval_loss") if row["step"] == 0]
    if start:
        found["val_loss_before"] = start[0]
    if validated := [row for row in _losses(history, "eval_loss") if row["step"]]:
        best = min(validated, key=lambda row: row["eval_loss"])
        kept = best if keep == "best" else validated[-1]
        found["val_loss"] = kept["eval_loss"]
        if keep == "best":
            found["kept_step"] = kept["step"]
    return found


def training_figures(
    setup: Setup, histories: dict[str, History], chats: list[Example], pairs: list[Record]
) -> dict[str, Any]:
    """Summarize a run for metrics/train.json: the first training, and preference training."""
    params = setup.params
    first, *_ = histories.values()
    used = len(learnable(pairs, params.method))
    numbers: dict[str, Any] = {"records": len(chats) if params.supervised else used}
    numbers |= measured(first, params.keep)
    if params.supervised:
        numbers["share_learnt"] = share_learnt(lay_out(setup, chats))
    if not params.prefers:
        return numbers | {"pairs_unused": len(pairs)}
    history = histories[params.method]
    numbers |= {"pairs": used, "pairs_unused": len(pairs) - used}
    margins, added = _losses(history, "rewards/margins"), measured(history, params.keep)
    numbers |= {f"preference_{name}": added[name] for name in added if name.startswith("val_loss")}
    if margins:  # missing for KTO where no log covers both good and bad answers
        numbers["preference_margin"] = margins[-1]["rewards/margins"]
    return numbers | {
        "preference_tokens": added["tokens"],
        "preference_steps": added["steps"],
        "preference_loss": _losses(history)[-1]["loss"],
    }


def timed(histories: dict[str, History], resumed: dict[str, int], seconds: float) -> dict[str, Any]:
    """Return timings of this session; `resumed`: the step from which each training resumed."""
    tokens = 0.0
    for phase, history in histories.items():
        end = next(row for row in history if "train_runtime" in row)
        tokens += end["tokens"] * (1 - resumed[phase] / max(end["step"], 1))
    return {
        "resumed_at_step": sum(resumed.values()),
        "seconds": round(seconds, 1),
        "tokens_per_second": round(tokens / seconds),
    }


def raw(histories: dict[str, History]) -> History:
    """Return all rows with their training's name, without values that differ between equal runs."""
    return [
        {"phase": phase} | {name: value for name, value in row.items() if not varies(name)}
        for phase, history in histories.items()
        for row in history
    ]


def varies(name: str) -> bool:
    """Tell whether a figure differs between equal runs: timings, memory, or counts of a session."""
    return name.endswith(VARIES)


def speeds(histories: dict[str, History]) -> History:
    """Return tokens/s and memory by step; the steps of a second training continue the count."""
    rows, before = History(), 0
    for history in histories.values():
        timed = [row for row in history if TIMED[0] in row]
        rows += [
            {"step": before + row["step"]} | {name: row[name] for name in TIMED} for row in timed
        ]
        before += history[-1]["step"]
    return rows


def write_history(histories: dict[str, History]) -> None:
    """Write logs/train/history.jsonl, identical for equal runs.

    Keys are sorted, since they are in a checkpoint but not in the trainer.
    """
    with atomic_text(HISTORY) as file:
        file.writelines(json.dumps(row, sort_keys=True) + "\n" for row in raw(histories))
