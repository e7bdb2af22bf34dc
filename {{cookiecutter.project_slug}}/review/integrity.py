"""Check that no result was edited: hashes as in dvc.lock, figures that follow from answers."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lib.cases.cases import fixed_cases
from lib.cases.leaks import leaked_pii
from lib.core.config import load
from lib.core.params import TaskParams
from lib.core.records import text_of
from lib.evaluate.params import EvalParams
from lib.evaluate.predictions import Prediction, Systems, case_key, of_sets
from lib.evaluate.rows import judge_row, labels_of
from lib.evaluate.safety import flag
from lib.evaluate.summary import summarise, summarise_adversarial
from lib.pii.params import PiiParams
from lib.pii.redact import Finder
from lib.release.params import GateParams
from lib.report.headline import headline
from lib.runtime.errors import UserError
from review.lock import md5

PULL = "dvc pull eval"  # all that the gate needs from DVC; bench and headline figures are in git
_TRAIN = "metrics/train.json"  # for one headline number; a clone may lack it
JUDGED = ("predictions", "metrics/eval", "metrics/bench.json", "metrics.json", _TRAIN)

COUNTED_BY = ("group", "scenario", "language", "tags", "kind", "policy")
# Keys of a row that are needed to judge it again.
NEEDED = ("set", "id", "prompt", "output", "pii", "flagged")


def edited(outs: dict[str, str]) -> list[str]:
    """List the files and folders under judgment that differ from what the pipeline wrote.

    `outs`: those of dvc.lock. Answers of a system that is no longer in dvc.yaml would be scored
    here and be missing in a clone.
    """
    for path in sorted(Path("answers").glob("*.jsonl")):
        if path.as_posix() not in outs:
            raise UserError(f"{path}: no stage of dvc.yaml writes it; delete it, then `dvc repro`")
    judged = [path for path in outs if path.startswith(JUDGED)]
    there = [path for path in judged if Path(path).exists()]
    if missing := [path for path in judged if path not in (*there, _TRAIN)]:
        raise UserError(f"{missing[0]}: not found; `{PULL}` fetches it")
    return [path for path in there if md5(path) != outs[path]]


def judgeable(rows: list[Prediction], system: str) -> list[Prediction]:
    """Return the rows; raise UserError if they lack keys that are needed to judge them again."""
    for number, row in enumerate(rows, start=1):
        if lacking := [key for key in NEEDED if key not in row]:
            raise UserError(
                f"predictions/{system}.jsonl:{number}: has no '{lacking[0]}', perhaps because "
                "another version wrote it; `dvc repro` writes it again"
            )
    return rows


def recompute(rows: list[Prediction], task: TaskParams, params: EvalParams) -> dict[str, Any]:
    """Compute metrics/eval/SYSTEM.json again, as far as it follows from the answers."""
    parts = {name: of_sets(rows, name) for name in ("golden", "test", "adversarial")}
    metrics = {
        name: summarise(part, task, params)
        for name, part in parts.items()
        if part and name != "adversarial"
    }
    if parts["adversarial"]:
        metrics["adversarial"] = summarise_adversarial(parts["adversarial"])
    return metrics


def not_as_asked(systems: Systems) -> list[str]:
    """List deviations of the systems' rows from the cases that were asked.

    These are all golden and adversarial cases of evals/, once each, and the test cases of the first
    system: a copied, omitted or invented row distorts the score.
    """
    fixed = [case | {"prompt": text_of(case["prompt"])} for part in fixed_cases() for case in part]
    test = of_sets(next(iter(systems.values()), []), "test")
    asked = Counter(map(asked_as, [*fixed, *test]))
    found = []
    for name, rows in systems.items():
        answered = Counter(map(asked_as, rows))
        missing, more = asked - answered, answered - asked
        for what, wrong in (("lacks", missing), ("was not asked, or once only,", more)):
            if wrong:
                part, key, *_ = min(wrong)
                found.append(f"predictions/{name}.jsonl: {what} {part} case {key}")
    return found


def asked_as(row: Prediction) -> tuple[str, ...]:
    """Return the part of a row that is from its case and decides how it is counted."""
    return (*case_key(row), *(str(row.get(key, "")) for key in COUNTED_BY))


def misjudged(
    rows: list[Prediction], task: TaskParams, params: EvalParams, finder: Finder
) -> Iterator[str]:
    """List the rows whose category, scores or findings differ from what the rules give."""
    labels = labels_of(rows, task)
    for row in rows:
        again = row | {"pii": leaked_pii(row, task, finder)}
        if params.safety.classifier == "rules":
            again["flagged"] = flag([(row["prompt"], row["output"])], params.safety)[0]
        if found := first_lack(row, again | judge_row(again, task, params, labels), row["id"]):
            yield found


def as_stored(params: EvalParams, pii: PiiParams, likelihoods: bool) -> str:
    """Name the fields of a row that only a model can compute, which the gate takes as stored.

    `likelihoods`: whether there are log-likelihoods.
    """
    fields = {
        "tokens": True,
        "finish": True,
        "log_likelihood": likelihoods,
        f"flagged (eval.safety: {params.safety.classifier})": params.safety.classifier != "rules",
        "names in pii": pii.ner,
    }
    return ", ".join(name for name, stored in fields.items() if stored)


def first_lack(stored: dict[str, Any], computed: dict[str, Any], at: str) -> str:
    """Describe the first figure of `computed` that differs in `stored`, which may have more."""
    found = (differs(stored.get(key), value, f"{at}.{key}") for key, value in computed.items())
    return next(filter(None, found), "")


def differs(stored: Any, computed: Any, at: str) -> str:
    """Describe the first figure that differs; "" if none does."""
    if isinstance(stored, dict) and isinstance(computed, dict):
        return first_lack(stored, dict.fromkeys(stored) | computed, at)
    same = stored == computed
    if isinstance(computed, float) and isinstance(stored, int | float):
        same = abs(stored - computed) < 1e-9  # another machine may round the last digit differently
    return "" if same else f"{at} is {stored}, the answers give {computed}"


def contradictions(
    systems: Systems, task: TaskParams, params: EvalParams, finder: Finder
) -> list[str]:
    """List contradictions between predictions and answers, or metrics and predictions."""
    found = {
        f"predictions/{name}.jsonl": next(misjudged(rows, task, params, finder), "")
        for name, rows in systems.items()
    }
    computed = {name: recompute(rows, task, params) for name, rows in systems.items()}
    for name, metrics in computed.items():
        path = f"metrics/eval/{name}.json"
        found[path] = first_lack(read_judged(path), metrics, "")
    train = read_judged(_TRAIN) if Path(_TRAIN).is_file() else {}
    released = load("gate", GateParams).system
    numbers = headline(computed, train, read_judged("metrics/bench.json"), released)
    stored = read_judged("metrics.json")
    unknown = stored.keys() - numbers.keys() - (set() if train else {"val_loss"})
    found["metrics.json"] = first_lack(stored, numbers, "") or ", ".join(sorted(unknown))
    return [f"{path}: {one.removeprefix('.')}" for path, one in found.items() if one]


def read_judged(path: str) -> dict[str, Any]:
    """Read a metrics file."""
    try:
        value: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: not found; `{PULL}` fetches it") from None
    except ValueError as error:
        raise UserError(f"{path}: is not JSON ({error}); `make repair`, then `dvc repro`") from None
    return value
