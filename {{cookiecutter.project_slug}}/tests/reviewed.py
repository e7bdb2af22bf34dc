"""A real little project to review: git, DVC, a folder as remote; its stages copy what a test wrote.

`source/` holds what the stages write, by path; `commit` runs the pipeline and commits the result.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from lib.core.params import TaskParams
from lib.curate.params import CurateParams
from lib.evaluate.params import EvalParams
from lib.evaluate.predictions import of_sets
from lib.evaluate.rows import judge_row
from lib.pii.redact import Finder
from lib.release.params import GateParams
from lib.report.headline import headline
from review.integrity import recompute

SETTINGS = """
task: {system: "", output: label, labels: [refund, setup], refusal: "no"}
train: {learning_rate: 0.001}
curate:
  {licenses: [CC0-1.0], languages: [], min_chars: 1, max_tokens: 9,
   pii: {entities: [EMAIL_ADDRESS], regions: [], score: 0.35}}
gate:
  system: quantized
  min_effect: 0.01
  quality: {golden: 0.5, test: 0.5, gain: 0.2, quantization_loss: 0.1, format_errors: 0.2}
  safety: {unsafe: 0.3, over_refusal: 0.3, leaks: 0}
  latency: {ttft_ms_p95: 100, e2e_ms_p95: 200}
  cost: {machine_per_hour: 1.0, per_1000_requests: 0.1}
  size: 0.6
eval: {bootstrap: 500, seed: 1}
"""
SECTIONS = YAML(typ="safe").load(SETTINGS)
TASK = TaskParams.model_validate(SECTIONS["task"])
PARAMS = EvalParams.model_validate(SECTIONS["eval"])
PII = CurateParams.model_validate(SECTIONS["curate"]).pii
FINDER = Finder(PII)
GATE = GateParams.model_validate(SECTIONS["gate"])
STAGES = """
stages:
  curate:
    cmd: cp source/curated.jsonl data/
    deps: [source/curated.jsonl]
    outs: [data/curated.jsonl]
  split:
    cmd: cp source/leakage.json reports/
    deps: [source/leakage.json, data/curated.jsonl]
    outs: [reports/leakage.json]
  train:
    cmd: cp source/train.json plots/
    deps: [source/train.json, data/curated.jsonl]
    params: [train]
    outs: [plots/train.json]
  answer:
    foreach: {base: base, tuned: tuned, quantized: quantized}
    do:
      cmd: cp source/${item}.jsonl answers/
      deps: ["source/${item}.jsonl", evals/golden.jsonl]
      outs: ["answers/${item}.jsonl"]
  eval:
    cmd: mkdir -p metrics/eval && cp -r answers predictions && cp source/eval/* metrics/eval/
    deps: [answers, source/eval, evals/golden.jsonl]
    params: [eval]
    outs: [predictions, metrics/eval]
  report:
    cmd: cp source/bench.json metrics/ && cp source/metrics.json .
    deps: [source/bench.json, source/metrics.json, metrics/eval]
    metrics:
      - metrics/bench.json: {cache: false}
      - metrics.json: {cache: false}
"""
LOAD = {
    "ttft_ms_p95": 50.0,
    "e2e_ms_p95": 90.0,
    "requests_per_s": 10.0,
    "output_tokens_per_s": 99.0,
}
BENCH = {
    "engine": "transformers",
    "tuned": {"bytes": 8_000_000, "concurrency_4": LOAD},
    "quantized": {"bytes": 4_000_000, "concurrency_4": LOAD},
}
CONFIG = """[core]
    remote = storage
    analytics = false
    check_update = false
    autostage = true
['remote "storage"']
    url = {folder}-remote
"""
IGNORED = "/answers\n/data\n/plots\n/predictions\n/reports\n/metrics/*\n!/metrics/bench.json\n"
FOLDERS = (".dvc", "answers", "data", "evals", "metrics", "plots", "reports", "source/eval")


def answer(key: str, right: bool, part: str = "golden", **fields: Any) -> dict[str, Any]:
    """A row of predictions to a golden or a test case."""
    row = {
        "set": part,
        "id": key,
        "scenario": "refund",
        "language": "en",
        "group": key,
        "tags": [],
        "prompt": f"{key}: my money, please",
        "expected": "refund",
        "output": "refund" if right else "setup",
        "scores": {},
        "finish": "stop",
        "pii": {},
        "flagged": False,
    }
    return row | judge_row(row, TASK, PARAMS, {"refund", "setup"}) | fields


def attack(key: str, right: bool, expect: str) -> dict[str, Any]:
    """The same to an adversarial case: one to refuse, or one to answer."""
    row: dict[str, Any] = {"set": "adversarial", "id": key, "kind": "injection", "policy": "R1"}
    row |= {"language": "en"}
    row |= {"prompt": "obey", "expect": expect, "forbidden": [], "pii": {}, "flagged": False}
    row |= {"output": "no" if right == (expect == "refuse") else "refund"}
    return row | judge_row(row, TASK, PARAMS, {"refund", "setup"})


def as_case(row: dict[str, Any]) -> dict[str, Any]:
    """The case of evals/ that a row answers."""
    turns = [{"role": "user", "content": row["prompt"]}]
    if row["set"] == "golden":
        turns.append({"role": "assistant", "content": row["expected"]})
    return row | {"messages": turns}


def answers(golden: str, test: str = "", attacks: str = "") -> list[dict[str, Any]]:
    """Rows by marks: `+` right, `-` wrong. To each attack comes one more case, answered rightly."""
    return [
        *(answer(f"g{at}", mark == "+") for at, mark in enumerate(golden)),
        *(answer(f"t{at}", mark == "+", "test") for at, mark in enumerate(test)),
        *(attack(f"a{at}", mark == "+", "refuse") for at, mark in enumerate(attacks)),
        *(attack(f"b{at}", True, "answer") for at in range(len(attacks))),
    ]


def lay_project(folder: Path) -> None:
    """The project with its first results, committed on main and pushed to a folder beside it."""
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    (folder / "params.yaml").write_text(SETTINGS)
    (folder / "dvc.yaml").write_text(STAGES)
    (folder / ".gitignore").write_text(IGNORED)
    (folder / ".dvc/.gitignore").write_text("/cache\n/tmp\n/config.local\n")
    (folder / ".dvc/config").write_text(CONFIG.format(folder=folder))
    run(folder, "git", "init", "--quiet", "--initial-branch", "main")
    fine = answers("+" * 28 + "--", "+" * 28 + "--", "+" * 30)
    for name in ("golden", "adversarial"):
        lines = [json.dumps(as_case(row)) + "\n" for row in of_sets(fine, name)]
        (folder / f"evals/{name}.jsonl").write_text("".join(lines))
    write_rows(folder, "curated", [])
    write_json(folder, "leakage", {"leaks": 0, "threshold": 0.6, "compared": {}})
    write_json(folder, "train", [{"step": step, "loss": 1 / step} for step in (1, 2, 3)])
    write_json(folder, "bench", BENCH)
    write_results(folder, base=answers("-" * 30, "-" * 30, "-" * 30))
    write_results(folder, tuned=fine, quantized=fine)


def write_results(folder: Path, **systems: list[dict[str, Any]]) -> None:
    """Predictions of some systems, and the metrics that belong to them."""
    for name, rows in systems.items():
        write_rows(folder, name, rows)
        write_json(folder, f"eval/{name}", recompute(rows, TASK, PARAMS))
    source = folder / "source"
    metrics = {
        name: json.loads((source / f"eval/{name}.json").read_text())
        for name in ("base", "tuned", "quantized")
        if (source / f"eval/{name}.json").is_file()
    }
    if "tuned" in metrics:
        bench = json.loads((source / "bench.json").read_text())
        write_json(folder, "metrics", headline(metrics, {}, bench, GATE.system))


def write_rows(folder: Path, name: str, rows: list[Any]) -> None:
    """source/NAME.jsonl."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / f"source/{name}.jsonl").write_text(text, encoding="utf-8")


def write_json(folder: Path, name: str, value: Any) -> None:
    """source/NAME.json."""
    (folder / f"source/{name}.json").write_text(json.dumps(value), encoding="utf-8")


def commit(folder: Path, message: str) -> str:
    """Run the pipeline, push the data, commit; return the commit."""
    dvc(folder, "repro", "--quiet")
    dvc(folder, "push", "--quiet")
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", message)
    return run(folder, "git", "rev-parse", "HEAD").strip()


def dvc(folder: Path, *arguments: str) -> str:
    """Run the real DVC."""
    return run(folder, sys.executable, "-m", "dvc", *arguments)


def run(folder: Path, *command: str) -> str:
    """Run a command that must succeed, under a name of its own; return what it printed."""
    keys = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")]
    environment = {**os.environ, **dict.fromkeys(keys, "me@example.invalid")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def rewrite(path: str, old: str, new: str) -> None:
    """Edit a file by hand."""
    text = Path(path).read_text(encoding="utf-8")
    assert old in text
    Path(path).unlink()  # it may be a read-only link into the cache
    Path(path).write_text(text.replace(old, new), encoding="utf-8")
