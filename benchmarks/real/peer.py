"""Plain trl on the rows, order aside, and settings of a project: `trl sft`, then peft's merge."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

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
    lora = train["lora"]
    options = {
        "model_name_or_path": "base",
        "dataset_name": "chats",
        "dtype": "float32",
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "num_train_epochs": train["epochs"],
        "per_device_train_batch_size": train["batch_size"],
        "learning_rate": train["learning_rate"],
        "lr_scheduler_type": train["schedule"],
        "warmup_steps": train["warmup"],
        "max_grad_norm": train["max_grad_norm"],
        "max_length": train["max_length"],
        "train_sampling_strategy": "group_by_length",
        "seed": train["seed"],
        "use_peft": True,
        "lora_r": lora["rank"],
        "lora_alpha": lora["alpha"],
        "lora_dropout": lora["dropout"],
        "lora_target_modules": lora["target_modules"],
        "save_strategy": "no",
        "report_to": "none",
        "output_dir": "trl-out",
    }
    return [part for name, value in options.items() for part in (f"--{name}", str(value))]


def train_by_trl(project: Path, system: str) -> dict[str, Any]:
    """Train, merge into models/tuned, return figures of the training."""
    params = YAML(typ="safe").load(project / "params.yaml")
    lines = (project / "data/split/train.jsonl").read_text(encoding="utf-8").splitlines()
    chats = [json.loads(line)["messages"] for line in lines]
    head = {"role": "system", "content": system}
    (project / "chats").mkdir(exist_ok=True)
    rows = [{"prompt": [head, *chat[:-1]], "completion": chat[-1:]} for chat in chats]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (project / "chats/train.jsonl").write_text(text, encoding="utf-8")
    threads = params["hardware"]["threads"]
    clock, began = (project / "clock.json").resolve(), time.perf_counter()
    start = [sys.executable, str(CLOCK), str(clock), "trl.scripts.sft"]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    with (project / "trl.log").open("w") as log:
        command = [*start, *flags_of(params["train"])]
        process = subprocess.Popen(command, cwd=project, env=environment, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"trl failed: see {project / 'trl.log'}")
    inside = json.loads(clock.read_text(encoding="utf-8"))
    seconds = time.perf_counter() - began
    shutil.rmtree(project / "models/tuned")
    merge = [sys.executable, "-c", MERGE, "trl-out", "models/tuned"]
    subprocess.run(merge, cwd=project, check=True, capture_output=True)
    return {
        "seconds": seconds,
        "tokens": inside["tokens"],
        "steps": inside["steps"],
        "tokens_per_second": inside["tokens"] / inside["wall"],
        "peak_bytes": usage.ru_maxrss * 1024,
        "before_first_step": seconds - inside["wall"],
    }
