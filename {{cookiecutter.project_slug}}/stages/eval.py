"""Answer the golden, test and adversarial cases with one system and count what became of each.

usage   python -m stages.eval base|tuned|quantized
reads   evals/{golden,adversarial}.jsonl, data/split/test.jsonl, reports/leakage.json, the model
writes  predictions/SYSTEM.jsonl (one row a case), metrics/eval/SYSTEM.json
"""

import sys

from lib.chat import encode_prompt
from lib.config import load
from lib.engines.hf import answer_all
from lib.errors import UserError, run
from lib.evals import FILES
from lib.evaluation.cases import TEST, collect_cases
from lib.evaluation.rows import make_row
from lib.evaluation.summary import summarise, summarise_adversarial
from lib.files import write_json
from lib.models import QUANTIZED, TUNED, deterministic, load_tokenizer, torch_device
from lib.params.base import BaseParams
from lib.params.curate import CurateParams
from lib.params.eval import EvalParams
from lib.params.hardware import HardwareParams
from lib.params.task import TaskParams
from lib.pii.redact import Finder
from lib.proof import require_proof
from lib.quantize.read import load_weights
from lib.records import write_records

FOLDERS = {"tuned": TUNED, "quantized": QUANTIZED}


def main() -> None:
    system = sys.argv[1] if len(sys.argv) == 2 else ""
    if system not in ("base", *FOLDERS):
        raise UserError(f"stages.eval: takes one system of base, {', '.join(FOLDERS)}")
    params, task = load("eval", EvalParams), load("task", TaskParams)
    base, hardware = load("base", BaseParams), load("hardware", HardwareParams)
    require_proof(TEST, *map(str, FILES))
    cases = collect_cases()
    labels = set(task.labels) or {case["expected"] for case in cases if "expected" in case}

    deterministic(params.seed, hardware.threads)
    folder = FOLDERS.get(system, base.model)
    revision = base.revision if system == "base" else None
    tokenizer = load_tokenizer(folder, revision)
    model = load_weights(folder, base.dtype, torch_device(hardware), revision)
    prompts = [encode_prompt(tokenizer, case["prompt"], task.system) for case in cases]
    answers = answer_all(model, tokenizer, prompts, params.batch_size, params.max_new_tokens)

    pii = load("curate", CurateParams).pii.model_copy(update={"key_env": None})
    finder = Finder(pii)
    rows = [
        make_row(case, answer, task, params, labels, finder)
        for case, answer in zip(cases, answers, strict=True)
    ]
    sets = {name: [row for row in rows if row["set"] == name] for name in ("golden", "test")}
    metrics = {name: summarise(rows, task, params) for name, rows in sets.items() if rows}
    if adversarial := [row for row in rows if row["set"] == "adversarial"]:
        metrics["adversarial"] = summarise_adversarial(adversarial)
    write_records(f"predictions/{system}.jsonl", rows)
    write_json(f"metrics/eval/{system}.json", metrics)
    for name, numbers in sets.items():
        if numbers:
            print(f"eval {system}: {name} exact match {metrics[name]['exact_match']:.3f}")


if __name__ == "__main__":
    run(main)
