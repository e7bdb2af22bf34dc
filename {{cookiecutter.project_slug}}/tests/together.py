"""A short training that one process, or several under the launcher, run alike: the losses go to
the file that is named. `python -m tests.together FILE BATCH_SIZE`, as tests/test_launch.py does."""

import sys
from pathlib import Path

from lib.files import write_json
from lib.models import deterministic, load_tokenizer, stop_tokens
from lib.params.base import BaseParams
from lib.training.adapters import start_model
from lib.training.trainers import Setup, encode_records, fit_sft
from tests.toy import CPU, chat, train_params

BASE = BaseParams(model="base", licence="Apache-2.0", dtype="float32")


def train_together(path: Path, batch_size: int) -> None:
    """Train on 16 records of many lengths; without dropout, whose masks each process draws."""
    deterministic(1, CPU)
    params = train_params("lora").model_copy(update={"batch_size": batch_size})
    lora = params.lora.model_copy(update={"dropout": 0.0})
    params = params.model_copy(update={"lora": lora})
    tokenizer = load_tokenizer("base")
    stops = stop_tokens(tokenizer, "base")
    setup = Setup(params, BASE, "", tokenizer, stops, "cpu", path.with_suffix(""))
    records = [chat("票 🙂 " * (1 + at % 5), f"answer {at}") for at in range(16)]
    examples = {"train": encode_records(setup, records), "val": []}
    trainer = fit_sft(setup, start_model(BASE, "lora", "cpu"), examples)
    if trainer.accelerator.is_main_process:
        write_json(path, [row["loss"] for row in trainer.state.log_history if "loss" in row])


if __name__ == "__main__":
    train_together(Path(sys.argv[1]), int(sys.argv[2]))
