"""Short trainings, unpacked and packed, that one process, or several under the launcher, run alike:
the losses go to the file that is named. `python -m tests.together FILE BATCH_SIZE`, as
tests/train/test_launch.py does."""

import os
import sys
from pathlib import Path

from lib.core.params import BaseParams
from lib.model.loading import deterministic, load_tokenizer, stop_tokens
from lib.runtime.files import write_json
from lib.train.adapters import start_model
from lib.train.encode import Setup, encode_records
from lib.train.trainers import fit_sft
from tests.toy import CPU, chat, train_params

BASE = BaseParams(model="base", license="Apache-2.0", dtype="float32")
SPLITS = {"train": None, "val": 3}


def train_together(path: Path, batch_size: int) -> None:
    """Train both ways; one process writes the losses."""
    losses = {
        name: train(path.with_suffix("") / name, batch_size, packing=name == "packed")
        for name in ("unpacked", "packed")
    }
    if os.environ.get("RANK", "0") == "0":
        write_json(path, losses)


def train(folder: Path, batch_size: int, packing: bool) -> list[float]:
    """Train on 9 records of many lengths, validate on the first 3; without dropout, whose masks
    each process draws."""
    deterministic(1, CPU)
    params = train_params("lora")
    lora = params.lora.model_copy(update={"dropout": 0.0})
    update = {"lora": lora, "batch_size": batch_size, "packing": packing}
    params = params.model_copy(update=update)
    tokenizer = load_tokenizer("base")
    stops = stop_tokens(tokenizer, "base")
    setup = Setup(params, BASE, "", tokenizer, stops, "cpu", folder)
    records = [chat("票 🙂 " * (1 + at % 5), f"answer {at}") for at in range(9)]
    examples = {name: encode_records(setup, records[:most]) for name, most in SPLITS.items()}
    trainer = fit_sft(setup, start_model(BASE, "lora", "cpu"), examples)
    rows, names = trainer.state.log_history, ("loss", "eval_loss")
    return [row[name] for name in names for row in rows if name in row]


if __name__ == "__main__":
    file, size = sys.argv[1:]
    train_together(Path(file), int(size))
