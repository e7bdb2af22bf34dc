"""Trainings of a few steps on the embedded base, for tests of every method."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer

from lib.core.params import BaseParams
from lib.core.records import Record
from lib.model.loading import deterministic, load_tokenizer, stop_tokens
from lib.train.adapters import merge, start_model
from lib.train.encode import Setup, encode_records
from lib.train.trainers import fit_sft
from tests.toy import CPU, chat, pair, train_params

BASE = BaseParams(model="base", license="Apache-2.0", dtype="float32")


def setup_of(method: str, folder: Path) -> Setup:
    """A setup that seeds everything and trains for two short epochs."""
    deterministic(1, CPU)
    params = train_params(method)  # type: ignore[arg-type]
    tokenizer = load_tokenizer("base")
    return Setup(params, BASE, "", tokenizer, stop_tokens(tokenizer, "base"), "cpu", folder)


def setup_with(folder: Path, **changes: Any) -> Setup:
    """A setup of full fine-tuning with other params."""
    setup = setup_of("full", folder)
    return replace(setup, params=setup.params.model_copy(update=changes))


def setup_with_method(setup: Setup, method: str) -> Setup:
    """The same setup of another method."""
    return replace(setup, params=setup.params.model_copy(update={"method": method}))


def chats(count: int) -> list[Record]:
    return [chat(f"票 {number}", f"answer {number % 2}") for number in range(count)]


def pairs(count: int) -> list[Record]:
    return [pair(f"票 {number}", "yes", "no") for number in range(count)]


def sft_trainer_of(setup: Setup, val: list[Record] | None = None) -> Trainer:
    """The trainer of a supervised run over 10 records: 5 steps, checkpoints at 2, 4 and 5."""
    validated = encode_records(setup, chats(3) if val is None else val)
    examples = {"train": encode_records(setup, chats(10)), "val": validated}
    return fit_sft(setup, start_model(BASE, setup.params.weights, "cpu"), examples)


def sft(setup: Setup) -> torch.nn.Module:
    """The merged model of that run."""
    return merge(sft_trainer_of(setup), BASE, setup.params.method, setup.folder / "adapter")


def weights_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)
