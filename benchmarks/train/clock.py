"""Run a program that trains, and write down what its `Trainer.train` took.

usage   python clock.py FILE MODULE [ARGUMENT ...]
writes  FILE: CPU and wall seconds of Trainer.train, tokens that it saw, its last loss, and the
        bytes that torch held on a GPU, at most
"""

import functools
import json
import runpy
import sys
import time
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer


def clocked(train: Any, path: Path) -> Any:
    """`Trainer.train` that writes its figures to `path`."""

    @functools.wraps(train)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        cpu, wall = time.process_time(), time.perf_counter()
        result = train(self, *args, **kwargs)
        losses = [row["loss"] for row in self.state.log_history if "loss" in row]
        tokens = sum(map(len, self.train_dataset["input_ids"])) * self.args.num_train_epochs
        figures = {
            "cpu": time.process_time() - cpu,
            "wall": time.perf_counter() - wall,
            "tokens": tokens,
            "steps": self.state.global_step,
            "loss": losses[-1],
            "gpu_bytes": torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0,
        }
        path.write_text(json.dumps(figures), encoding="utf-8")
        return result

    return wrapper


if __name__ == "__main__":
    _, file, module, *rest = sys.argv
    Trainer.train = clocked(Trainer.train, Path(file))
    sys.argv = [module, *rest]
    sys.path.insert(0, "")
    runpy.run_module(module, run_name="__main__", alter_sys=True)
