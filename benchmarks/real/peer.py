"""Plain trl and LLaMA-Factory on the rows, order aside, and settings of a project; peft merges."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.train.factory import describe_chats

OUT = "peer-out"
CLOCK = Path(__file__).parents[1] / "train/clock.py"
MERGE = """
import sys
from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer
_, adapter, out = sys.argv
model = AutoPeftModelForCausalLM.from_pretrained(adapter, dtype="float32")
model.merge_and_unload().save_pretrained(out)
AutoTokenizer.from_pretrained("base").save_pretrained(out)
"""


def flags_of(train: dict[str, Any]) -> list[str]:
    """List the options of `trl sft` that say what the project's section train does."""
    options = shared_options(train) | {
        "dataset_name": "chats",
        "dtype": "float32",
        "gradient_checkpointing": False,
        "max_length": train["max_length"],
        "use_peft": True,
        "lora_r": train["lora"]["rank"],
        "lora_target_modules": train["lora"]["target_modules"],
    }
    return [part for name, value in options.items() for part in (f"--{name}", str(value))]


def shared_options(train: dict[str, Any]) -> dict[str, Any]:
    """Return the options that both name alike: those of transformers, for the most part."""
    return {
        "model_name_or_path": "base",
        "use_cpu": True,
        "bf16": False,
        "num_train_epochs": train["epochs"],
        "per_device_train_batch_size": train["batch_size"],
        "learning_rate": train["learning_rate"],
        "lr_scheduler_type": train["schedule"],
        "warmup_steps": train["warmup"],
        "max_grad_norm": train["max_grad_norm"],
        "train_sampling_strategy": "group_by_length",
        "seed": train["seed"],
        "lora_alpha": train["lora"]["alpha"],
        "lora_dropout": train["lora"]["dropout"],
        "save_strategy": "no",
        "report_to": "none",
        "output_dir": OUT,
    }


def factory_options(train: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of LLaMA-Factory that say what the project's section train does."""
    return shared_options(train) | {
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "lora_rank": train["lora"]["rank"],
        "lora_target": "all",
        "dataset": "chats",
        "dataset_dir": "factory",
        "template": "smollm2",  # renders what the base's own template does
        "cutoff_len": train["max_length"],
        "disable_gradient_checkpointing": True,
        "logging_steps": 10,
    }


def train_by_trl(project: Path, system: str) -> dict[str, Any]:
    """Train, merge into models/tuned, return figures of the training."""
    chats, train = read_chats(project, system), section(project, "train")
    (project / "chats").mkdir(exist_ok=True)
    rows = [{"prompt": chat[:-1], "completion": chat[-1:]} for chat in chats]
    write_rows(project / "chats/train.jsonl", rows)
    return train_and_merge(project, [sys.executable], ["trl.scripts.sft", *flags_of(train)])


def train_by_factory(project: Path, system: str, python: str) -> dict[str, Any]:
    """Train by LLaMA-Factory in the environment of `python`, merge, return figures."""
    folder = project / "factory"
    describe_chats(folder, "chats.jsonl")
    write_rows(folder / "chats.jsonl", [{"messages": chat} for chat in read_chats(project, system)])
    options = factory_options(section(project, "train"))
    (project / "factory.yaml").write_text(json.dumps(options), encoding="utf-8")
    return train_and_merge(project, [python], ["llamafactory.launcher", "factory.yaml"])


def read_chats(project: Path, system: str) -> list[list[dict[str, str]]]:
    """Return the chats of the training split behind the system prompt."""
    lines = (project / "data/split/train.jsonl").read_text(encoding="utf-8").splitlines()
    head = {"role": "system", "content": system}
    return [[head, *json.loads(line)["messages"]] for line in lines]


def section(project: Path, name: str) -> dict[str, Any]:
    """Return a section of the project's params.yaml."""
    found: dict[str, Any] = YAML(typ="safe").load(project / "params.yaml")[name]
    return found


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write a JSONL file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def train_and_merge(project: Path, python: list[str], training: list[str]) -> dict[str, Any]:
    """Run a training that writes an adapter into OUT, merge it into models/tuned."""
    shutil.rmtree(project / OUT, ignore_errors=True)
    clock, began = (project / "clock.json").resolve(), time.perf_counter()
    threads = section(project, "hardware")["threads"]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    with (project / "peer.log").open("w") as log:
        command = [*python, str(CLOCK), str(clock), *training]
        process = subprocess.Popen(command, cwd=project, env=environment, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{training[0]} failed: see {project / 'peer.log'}")
    inside = json.loads(clock.read_text(encoding="utf-8"))
    seconds = time.perf_counter() - began
    shutil.rmtree(project / "models/tuned")
    merge = [sys.executable, "-c", MERGE, OUT, "models/tuned"]
    subprocess.run(merge, cwd=project, check=True, capture_output=True)
    return {
        "seconds": seconds,
        "tokens": inside["tokens"],
        "steps": inside["steps"],
        "tokens_per_second": inside["tokens"] / inside["wall"],
        "peak_bytes": usage.ru_maxrss * 1024,
        "before_first_step": seconds - inside["wall"],
    }
