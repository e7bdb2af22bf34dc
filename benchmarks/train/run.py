"""Training speed: our stage against `trl sft` and LLaMA-Factory, on one CPU thread or one GPU, one
model and precision.

usage   python -m benchmarks.train.run [--gpu] FOLDER [RECORDS] [REPEATS] [NAME ...]
        FOLDER is written and kept; RECORDS of the sample's train split are learnt once
        NAME picks some of the rows; that of LLaMA-Factory needs LLAMAFACTORY=PYTHON, the Python
        of an environment made as peers.txt says
        --gpu: a Qwen3 of 0.6 B random weights in bf16 instead of the embedded base, four epochs
prints  versions, and a table of the best of REPEATS runs, taken in turn: tokens a CPU second (on a
        GPU: a second) inside Trainer.train, CPU seconds of the process outside it, its peak memory
        (on a GPU: torch's there), and the last loss

`same` rows: LoRA, batch, rate, order by length, answers alone learnt, no checkpoints: all as in
params.yaml. `defaults` rows: what each does when nothing is asked, but for LoRA, precision and the
epochs.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.train.factory import describe_chats

ROOT = Path(__file__).parents[2]
CLOCK = Path(__file__).with_name("clock.py")
PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate")
CHECKPOINTING = "gradient_checkpointing"
FOR_BOTH: dict[str, Any] = {
    "model_name_or_path": "base",
    "dataset_name": "chats",
    "dtype": "float32",
    "bf16": False,
    "use_cpu": True,
    "num_train_epochs": 1,
    "use_peft": True,
    "lora_r": 16,
    "lora_alpha": 64,
    "lora_dropout": 0,
    "lora_target_modules": "all-linear",
    "report_to": "none",
    "save_strategy": "no",
}
SAME = {
    "learning_rate": 3e-3,
    "lr_scheduler_type": "cosine",
    "warmup_steps": 0.05,
    "per_device_train_batch_size": 8,
    "max_length": 512,
    "train_sampling_strategy": "group_by_length",
    "assistant_only_loss": True,
    CHECKPOINTING: False,
    "seed": 1,
}
LLAMAFACTORY = {
    "stage": "sft",
    "do_train": True,
    "model_name_or_path": "base",
    "finetuning_type": "lora",
    "lora_rank": 16,
    "lora_alpha": 64,
    "lora_dropout": 0.0,
    "lora_target": "all",
    "dataset": "chats",
    "dataset_dir": "peer",
    "template": "qwen3_nothink",  # renders what the base's own template does
    "cutoff_len": 512,
    "per_device_train_batch_size": 8,
    "learning_rate": 3e-3,
    "num_train_epochs": 1.0,
    "lr_scheduler_type": "cosine",
    "warmup_steps": 0.05,
    "train_sampling_strategy": "group_by_length",
    "bf16": False,
    "use_cpu": True,
    "logging_steps": 10,
    "disable_gradient_checkpointing": True,
    "save_strategy": "no",
    "report_to": "none",
    "output_dir": "llamafactory-out",
    "overwrite_output_dir": True,
    "seed": 1,
}
PEER = "LLaMA-Factory, same"
# What both are told on a GPU instead.
ON_GPU = {
    "dtype": "bfloat16",
    "bf16": True,
    "use_cpu": False,
    "num_train_epochs": 4,
}
# What params.yaml says of a base from the hub that is trained on a GPU.
HUB_ON_GPU = {"packing": True, "max_length": 1024}
MAKE_QWEN3 = """
from pathlib import Path
from tests.gpu_base import QWEN3, make_base
make_base(Path("qwen3"), QWEN3, "cuda")
"""
ROWS: dict[str, dict[str, Any] | None] = {
    "ours, same": None,
    "trl sft, same": SAME,
    PEER: LLAMAFACTORY,
    "ours, defaults": None,
    "trl sft, defaults": {},
    "trl sft, defaults without gradient checkpointing": {CHECKPOINTING: False},
}


def project(folder: Path, gpu: bool) -> Path:
    """A project of default answers, but for the GPU, whose data stages have run."""
    made = folder / "ticket-triage"
    if (made / "reports/leakage.json").exists():
        return made
    from cookiecutter.main import cookiecutter  # a machine that is handed FOLDER may lack it

    options: dict[str, Any] = {"no_input": True, "default_config": True}
    answers = {"hardware": "gpu"} if gpu else {}
    cookiecutter(str(ROOT), extra_context=answers, output_dir=str(folder), **options)
    for stage in ("curate", "dedup", "split"):
        subprocess.run([sys.executable, "-m", f"stages.{stage}"], cwd=made, check=True)
    return made


def make_qwen3(made: Path) -> None:
    """A Qwen3 of 0.6 B random weights in place of the embedded base, with its tokenizer."""
    if not (made / "embedded").exists():
        subprocess.run([sys.executable, "-c", MAKE_QWEN3], cwd=made, check=True)
        (made / "base").rename(made / "embedded")
        (made / "qwen3").rename(made / "base")


def configure(made: Path, defaults: bool, gpu: bool) -> None:
    """params.yaml as it was baked, but for what both sides are told."""
    yaml, baked, given = YAML(), made / "baked.yaml", FOR_BOTH | (ON_GPU if gpu else {})
    if not baked.exists():
        shutil.copy(made / "params.yaml", baked)
    params = yaml.load(baked)
    params["base"]["dtype"] = given["dtype"]
    params["train"] |= {"epochs": float(given["num_train_epochs"])}
    params["train"] |= {"checkpoint_steps": 200 if defaults else 100_000}
    if not defaults:
        params["train"] |= {"packing": False, CHECKPOINTING: SAME[CHECKPOINTING]}
    elif gpu:
        params["train"] |= HUB_ON_GPU
    params["train"]["lora"] |= {"alpha": given["lora_alpha"], "dropout": 0.0}
    params["hardware"]["threads"] = 1
    yaml.dump(params, made / "params.yaml")


def lay_out(made: Path, records: int, defaults: bool) -> None:
    """The first chats of train, for us in data/split and for trl, with the system prompt, in
    chats/; but with `defaults`, no validation."""
    params = YAML().load(made / "params.yaml")
    whole = made / "whole"
    if not whole.exists():
        (made / "data/split").rename(whole)
    (made / "data/split").mkdir(exist_ok=True)
    (made / "chats").mkdir(exist_ok=True)
    lines = (whole / "train.jsonl").read_text(encoding="utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line and "messages" in json.loads(line)][:records]
    system = {"role": "system", "content": params["task"]["system"]}
    write(made / "chats/train.jsonl", [{"messages": [system, *row["messages"]]} for row in rows])
    describe_chats(made / "peer", "../chats/train.jsonl")
    (made / "llamafactory.yaml").write_text(json.dumps(LLAMAFACTORY), encoding="utf-8")
    write(made / "data/split/train.jsonl", rows)
    val = (whole / "val.jsonl").read_text(encoding="utf-8") if defaults else ""
    (made / "data/split/val.jsonl").write_text(val, encoding="utf-8")
    shutil.copy(whole / "test.jsonl", made / "data/split")  # train sees that it is as checked
    report = json.loads((made / "reports/leakage.json").read_text(encoding="utf-8"))
    for name in ("data/split/train.jsonl", "data/split/val.jsonl"):
        report["compared"][name]["sha256"] = hashlib.sha256((made / name).read_bytes()).hexdigest()
    (made / "reports/leakage.json").write_text(json.dumps(report), encoding="utf-8")


def write(path: Path, rows: list[Any]) -> None:
    """A JSONL file."""
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path.write_text("".join(lines), encoding="utf-8")


def command(name: str, out: Path, gpu: bool) -> list[str]:
    """What trains for a row of the table."""
    if name == PEER:
        python = os.environ["LLAMAFACTORY"]
        return [python, str(CLOCK), str(out), "llamafactory.launcher", "llamafactory.yaml"]
    start = [sys.executable, str(CLOCK), str(out)]
    options = ROWS[name]
    if options is None:
        return [*start, "stages.train"]
    given = FOR_BOTH | (ON_GPU if gpu else {})
    given |= options | {"output_dir": "trl-out"}
    flags = [part for key, value in given.items() for part in (f"--{key}", str(value).lower())]
    flags = [str(given["lr_scheduler_type"]) if flag == "cosine" else flag for flag in flags]
    return [*start, "trl.scripts.sft", *flags]


def run(name: str, made: Path, records: int, gpu: bool) -> dict[str, float]:
    """Figures of one run."""
    configure(made, "defaults" in name, gpu)
    lay_out(made, records, "defaults" in name)
    out = (made / "clock.json").resolve()
    out.unlink(missing_ok=True)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    with (made / "log").open("w") as log:
        process = subprocess.Popen(
            command(name, out, gpu), cwd=made, env=environment, stdout=log, stderr=log
        )
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{name} failed; see {made / 'log'}")
    inside = json.loads(out.read_text(encoding="utf-8"))
    cpu = usage.ru_utime + usage.ru_stime
    return {
        "speed": inside["tokens"] / inside["wall" if gpu else "cpu"],
        "tokens": inside["tokens"],
        "steps": inside["steps"],
        "outside": cpu - inside["cpu"],
        "peak": inside["gpu_bytes"] / 1e6 if gpu else usage.ru_maxrss / 1024,
        "loss": inside["loss"],
    }


def main() -> None:
    gpu = "--gpu" in sys.argv
    path, *rest = [value for value in sys.argv[1:] if value != "--gpu"]
    records, repeats = (int(value) for value in (*rest[:2], "480", "3")[:2])
    names = rest[2:] or [name for name in ROWS if name != PEER or "LLAMAFACTORY" in os.environ]
    made = project(Path(path).resolve(), gpu)
    if gpu:
        if PEER in names:
            raise SystemExit(f"{PEER}: is compared on a CPU only")
        make_qwen3(made)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(repeats):
        for name in names:
            found[name].append(run(name, made, records, gpu))
            print(name, found[name][-1], file=sys.stderr, flush=True)
    print(", ".join(f"{name} {version(name)}" for name in PACKAGES))
    unit = "s" if gpu else "CPU s"
    print(f"\n| run | steps | tokens | tokens / {unit} | outside, CPU s | peak MB | last loss |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, runs in found.items():
        best = max(runs, key=lambda one: one["speed"])
        outside, peak = min(one["outside"] for one in runs), min(one["peak"] for one in runs)
        cells = f"{best['steps']:.0f} | {best['tokens']:,.0f} | {best['speed']:,.0f}"
        print(f"| {name} | {cells} | {outside:.1f} | {peak:,.0f} | {best['loss']:.3f} |")


if __name__ == "__main__":
    main()
