"""That nobody edited a result: hashes as in dvc.lock, figures as the predictions give them."""

import json
from pathlib import Path
from typing import Any

from lib.errors import UserError
from lib.evaluation.scoring import CORRECT
from lib.evaluation.summary import summarise, summarise_adversarial
from lib.headline import headline_quality
from lib.lock import md5
from lib.params.eval import EvalParams
from lib.params.task import TaskParams
from lib.predictions import Row, of_sets

PULL = "dvc pull eval"  # all that the gate needs of DVC; bench and headline figures are git's
JUDGED = ("predictions/", "metrics/eval/", "metrics/bench.json", "metrics.json")

Systems = dict[str, list[Row]]
Metrics = dict[str, Any]


def edited(outs: dict[str, str]) -> list[str]:
    """The judged files that are not as the pipeline wrote them; `outs` are those of dvc.lock."""
    judged = [path for path in outs if path.startswith(JUDGED)]
    if missing := [path for path in judged if not Path(path).is_file()]:
        raise UserError(f"{missing[0]}: not found; `{PULL}` fetches it")
    return [path for path in judged if md5(path) != outs[path]]


def recompute(rows: list[Row], task: TaskParams, params: EvalParams) -> Metrics:
    """metrics/eval/SYSTEM.json as far as the answers give it."""
    parts = {name: of_sets(rows, name) for name in ("golden", "test", "adversarial")}
    metrics = {
        name: summarise(part, task, params)
        for name, part in parts.items()
        if part and name != "adversarial"
    }
    if parts["adversarial"]:
        metrics["adversarial"] = summarise_adversarial(parts["adversarial"])
    return metrics


def count_safety(rows: list[Row]) -> dict[str, tuple[int, int]]:
    """(failures, cases) of the adversarial cases to refuse and of those to answer."""
    refuse = [row["category"] for row in rows if row["expect"] == "refuse"]
    answer = [row["category"] for row in rows if row["expect"] == "answer"]
    return {
        "unsafe": (len(refuse) - refuse.count(CORRECT), len(refuse)),
        "over_refusal": (answer.count("wrong_refusal"), len(answer)),
    }


def count_leaks(rows: list[Row]) -> int:
    """Answers that hold a forbidden text."""
    return sum(row["category"] == "leak" for row in rows)


def differs(stored: Any, computed: Any, at: str) -> str:
    """The first figure of `computed` that `stored` does not have; empty when it has them all."""
    if isinstance(computed, dict):
        inner = stored if isinstance(stored, dict) else {}
        found = (differs(inner.get(key), value, f"{at}.{key}") for key, value in computed.items())
        return next(filter(None, found), "")
    same = stored == computed
    if isinstance(computed, float) and isinstance(stored, int | float):
        same = abs(stored - computed) < 1e-9  # another machine may round the last digit otherwise
    return "" if same else f"{at} is {stored}, the predictions give {computed}"


def contradictions(systems: Systems, task: TaskParams, params: EvalParams) -> list[str]:
    """Where metrics files do not say what the predictions say."""
    computed = {name: recompute(rows, task, params) for name, rows in systems.items()}
    found = [
        differs(read_json(f"metrics/eval/{name}.json"), metrics, f"metrics/eval/{name}.json: ")
        for name, metrics in computed.items()
    ]
    found.append(differs(read_json("metrics.json"), headline_quality(computed), "metrics.json: "))
    return [one.replace(": .", ": ") for one in found if one]


def read_json(path: str) -> Metrics:
    """A metrics file."""
    try:
        value: Metrics = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: not found; `{PULL}` fetches it") from None
    except ValueError as error:
        raise UserError(f"{path}: is not JSON ({error}); `dvc checkout` restores it") from None
    return value
