"""DPO after SFT on real preferences: SmolLM2-135M-Instruct on Anthropic's hh-rlhf.

Judged by the share of held-out pairs whose better answer gains on the worse one by training.

usage   python -m benchmarks.real.preferences BASE PAIRS [--pairs 400] [--held-out 200]
        BASE: the model's folder
        PAIRS: harmless-base/test.jsonl.gz of github.com/anthropics/hh-rlhf (MIT; texts of
        red teams: no reading for everyone)
writes  build/preferences/preferences (a project), and one line on standard output
"""

import argparse
import gzip
import json
import math
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.real.project import TEMPLATE, bake_project

PROJECT = TEMPLATE / "build/preferences/preferences"
LONGEST = 90  # words of a question and an answer: 135 M parameters on two cores
SOURCE = {"license": "MIT", "consent": "not_needed"}
CHANGES: dict[str, dict[str, Any]] = {
    "task": {"system": "", "output": "text", "fields": {}, "scenario": "", "refusal": ""},
    "data": {
        "sources": [
            {"path": f"data/raw/{name}.jsonl", "split": name.split("_")[1], **SOURCE}
            for name in ("chats_train", "pairs_train", "pairs_val")
        ]
    },
    "curate": {"licenses": ["MIT"], "languages": ["en"], "boilerplate": "keep"},
    "split": {
        **{"val": 0.0, "test": 0.0},  # val is what its source brings, test none
        **{"coverage": {"scenario": 0, "tags": {}}, "on_leak": "drop_train"},
    },
    "base": {"model": "base", "license": "Apache-2.0", "dtype": "float32"},
    "train": {
        "method": "dpo",
        "epochs": 1,
        "learning_rate": 2e-4,
        "batch_size": 8,
        "checkpoint_steps": 1000,
        "lora": {"rank": 16, "alpha": 32, "dropout": 0.0, "target_modules": "all-linear"},
        "preference": {
            **{"start": "sft", "weights": "lora", "loss": "sigmoid", "beta": 0.1},
            **{"learning_rate": 5e-5, "epochs": 1},
        },
    },
}


def pairs_of(path: Path) -> list[dict[str, str]]:
    """Read the pairs of one short question and two short answers, in the file's order."""
    pairs = []
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        sides = json.loads(line)
        first = [sides[name].split("\n\nAssistant:") for name in ("chosen", "rejected")]
        if all(len(turns) == 2 for turns in first) and first[0][0] == first[1][0]:
            asked = first[0][0].removeprefix("\n\nHuman:").strip()
            good, bad = (turns[1].strip() for turns in first)
            if good and bad and good != bad and len(f"{asked} {max(good, bad)}".split()) < LONGEST:
                pairs.append({"prompt": asked, "chosen": good, "rejected": bad})
    return pairs


def make_project(base: Path, pairs: list[dict[str, str]], held_out: int) -> None:
    """Bake a project of the pairs: chats are the good answers of the first half of train."""
    shutil.rmtree(PROJECT, ignore_errors=True)
    train, val = pairs[held_out:], pairs[:held_out]
    chats = [{"prompt": one["prompt"], "completion": one["chosen"]} for one in train[::2]]
    files = {"chats_train": chats, "pairs_train": train[1::2], "pairs_val": val}
    bake_project(PROJECT, base, {name: json_lines(rows) for name, rows in files.items()})
    yaml = YAML()
    params = yaml.load(PROJECT / "params.yaml")
    for section, values in CHANGES.items():
        params[section].update(values)
    yaml.dump(params, PROJECT / "params.yaml")


def json_lines(rows: list[dict[str, str]]) -> str:
    """Write rows as JSON Lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def wilson(share: float, count: int) -> tuple[float, float]:
    """Compute the 95 % interval of a share (Wilson, 1927)."""
    z = 1.96
    middle, spread = (
        share + z * z / (2 * count),
        z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)),
    )
    return (middle - spread) / (1 + z * z / count), (middle + spread) / (1 + z * z / count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("base", type=Path, help="folder of SmolLM2-135M-Instruct")
    parser.add_argument("pairs_file", type=Path, help="harmless-base/test.jsonl.gz of hh-rlhf")
    parser.add_argument("--pairs", type=int, default=400, help="pairs and chats of train, together")
    parser.add_argument("--held-out", type=int, default=200, help="pairs that judge")
    given = parser.parse_args()
    pairs = pairs_of(given.pairs_file)[: given.pairs + given.held_out]
    make_project(given.base, pairs, given.held_out)
    began = time.perf_counter()
    for stage in ("curate", "dedup", "split", "train"):
        command = [sys.executable, "-m", f"stages.{stage}"]
        subprocess.run(command, cwd=PROJECT, check=True)
    seconds = time.perf_counter() - began
    lines = (PROJECT / "logs/train/history.jsonl").read_text(encoding="utf-8").splitlines()
    history = [row for row in map(json.loads, lines) if row["phase"] == "dpo"]
    (last,) = [row for row in history if "eval_rewards/accuracies" in row][-1:]
    held_out = (PROJECT / "data/split/val.jsonl").read_text(encoding="utf-8").count("\n")
    share, margin = last["eval_rewards/accuracies"], last["eval_rewards/margins"]
    low, high = wilson(share, held_out)
    print(
        f"{held_out} held-out pairs: {share:.1%} ({low:.1%} to {high:.1%}) rank as people did, "
        f"mean margin {margin:.3f}, loss {last['eval_loss']:.4f} (0.6931 at its start), "
        f"{seconds:.0f} s"
    )


if __name__ == "__main__":
    main()
