"""What a trainer's history says: figures for metrics, rows for `dvc plots`, and a picture.

DVCLive would write such files too, but it wants a git repository with a commit, may run `dvc init`,
and writes while the stage runs, so that a killed run leaves half of them. The trainer's own history
is in every checkpoint: a resumed run writes whole curves, equal to those of an undisturbed one.
"""

from typing import Any

from lib.core.records import Record
from lib.model.chat import Example
from lib.report.curves import Panel, curves
from lib.runtime.files import atomic_text, write_json
from lib.train.mask import share_learnt
from lib.train.preference import learnable
from lib.train.trainers import Setup, lay_out

History = list[dict[str, Any]]
TIMED = ("tokens_per_second", "memory_bytes")


def losses(history: History, name: str = "loss") -> History:
    """The rows with a loss of that name."""
    return [row for row in history if name in row]


def measured(history: History, keep: str) -> dict[str, Any]:
    """Figures of one training: tokens trained on, steps, and losses. The validation loss is that
    of the weights that are kept, at `kept_step` where they are not the last."""
    end = next(row for row in history if "train_runtime" in row)
    found = {"tokens": end["tokens"], "steps": end["step"]}
    found["train_loss"] = losses(history)[-1]["loss"]
    if validated := losses(history, "eval_loss"):
        best = min(validated, key=lambda row: row["eval_loss"])
        kept = best if keep == "best" else validated[-1]
        found["val_loss"] = kept["eval_loss"]
        if keep == "best":
            found["kept_step"] = kept["step"]
    return found


def figures(
    setup: Setup, histories: dict[str, History], chats: list[Example], pairs: list[Record]
) -> dict[str, Any]:
    """What training was: its first part, or only one, and what preferences added."""
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
    margins, added = losses(history, "rewards/margins"), measured(history, params.keep)
    if "val_loss" in added:
        numbers["preference_val_loss"] = added["val_loss"]
    if margins:  # KTO's has none where no log covers good and bad answers
        numbers["preference_margin"] = margins[-1]["rewards/margins"]
    return numbers | {
        "preference_tokens": added["tokens"],
        "preference_steps": added["steps"],
        "preference_loss": losses(history)[-1]["loss"],
    }


def timed(histories: dict[str, History], resumed: dict[str, int], seconds: float) -> dict[str, Any]:
    """Timings of this session alone, in which each training went on from its step in `resumed`."""
    tokens = 0.0
    for phase, history in histories.items():
        end = next(row for row in history if "train_runtime" in row)
        tokens += end["tokens"] * (1 - resumed[phase] / max(end["step"], 1))
    return {
        "resumed_at_step": sum(resumed.values()),
        "seconds": round(seconds, 1),
        "tokens_per_second": round(tokens / seconds),
    }


def in_a_row(histories: dict[str, History]) -> History:
    """All rows of a run, one training after the other; the steps go on counting."""
    rows, before = History(), 0
    for phase, history in histories.items():
        rows += [row | {"phase": phase, "step": before + row["step"]} for row in history]
        before = rows[-1]["step"]
    return rows


def write_curves(histories: dict[str, History]) -> None:
    """plots/{train,val}.json and reports/train.svg, which are the same in equal runs, and
    metrics/speed.json, whose timings are not."""
    rows = in_a_row(histories)
    train, val = losses(rows), losses(rows, "eval_loss")
    keys = ("phase", "step", "loss", "grad_norm", "learning_rate")
    write_json("plots/train.json", [{key: row[key] for key in keys} for row in train])
    write_json(
        "plots/val.json",
        [{"phase": row["phase"], "step": row["step"], "loss": row["eval_loss"]} for row in val],
    )
    timed = [row for row in train if TIMED[0] in row]
    speed = [{key: row[key] for key in ("step", *TIMED)} for row in timed]
    write_json("metrics/speed.json", {"steps": speed})
    with atomic_text("reports/train.svg") as file:
        file.write(picture(train, val))


def picture(train: History, val: History) -> str:
    """Loss (train and validation), learning rate and gradient norm by step."""

    def line(rows: History, name: str) -> list[tuple[float, float]]:
        return [(row["step"], row[name]) for row in rows]

    return curves(
        "step",
        [
            Panel("Loss", {"train": line(train, "loss"), "val": line(val, "eval_loss")}),
            Panel("Learning rate", {"": line(train, "learning_rate")}),
            Panel("Gradient norm", {"": line(train, "grad_norm")}),
        ],
    )
