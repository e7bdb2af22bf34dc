"""Packed records do not see each other, and none is lost."""

from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from lib.core.params import BaseParams
from lib.core.records import Record
from lib.model.chat import IGNORED
from lib.model.loading import load_model
from lib.runtime.errors import UserError
from lib.train.adapters import start_model
from lib.train.adapters import start_model as start_model_of_lib
from lib.train.encode import Setup, encode_records
from lib.train.layout import training_dataset
from lib.train.packing import check_packing
from lib.train.trainers import fit_sft
from tests.toy import chat
from tests.training import BASE, chats, setup_with

pytestmark = pytest.mark.slow


def epoch_loss(setup: Setup, records: list[Record]) -> float:
    """The summed loss of one epoch, at a learning rate too small to change anything."""
    examples = {"train": encode_records(setup, records), "val": []}
    trainer = fit_sft(setup, start_model(BASE, "full", "cpu"), examples)
    learnt = [sum(label != IGNORED for label in row["labels"][1:]) for row in trainer.train_dataset]
    (row,) = [row for row in trainer.state.log_history if "train_loss" in row]
    assert trainer.state.global_step == 1
    return float(row["train_loss"]) * sum(learnt)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_packed_rows_have_the_loss_of_unpacked_ones(
    attention: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.train.test_packing.start_model", with_attention(attention))
    changes: dict[str, Any] = {"epochs": 1, "learning_rate": 1e-20, "batch_size": 16}
    records = [chat("票 word 🙂 " * (1 + at % 5), f"answer {at}") for at in range(16)]
    apart = epoch_loss(setup_with(tmp_path / "apart", **changes), records)
    packed = setup_with(tmp_path / "packed", **changes, packing=True)
    rows = training_dataset(packed, encode_records(packed, records))
    assert len(rows) < len(records)
    assert epoch_loss(packed, records) == pytest.approx(apart, rel=1e-5)


def with_attention(name: str) -> Callable[..., Any]:
    """start_model with another implementation of attention."""

    def start(base: BaseParams, method: str, device: str) -> Any:
        model = start_model_of_lib(base, method, device)
        model.set_attn_implementation(name)
        return model

    return start


def test_packing_is_refused_where_records_see_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model("base", "float32")
    one, other = [5, 6, 7, 8], [9, 10, 11, 12]
    check_packing(model, "cpu", one, other)
    monkeypatch.setattr("transformers.masking_utils.find_packed_sequence_indices", lambda _: None)
    with pytest.raises(UserError, match="records packed into one row see each other"):
        check_packing(model, "cpu", one, other)


def test_every_record_is_packed_once(tmp_path: Path) -> None:
    setup = setup_with(tmp_path, packing=True)
    examples = encode_records(setup, chats(9))
    rows = training_dataset(setup, examples)
    lengths = [length for row in rows["seq_lengths"] for length in row]
    assert sorted(lengths) == sorted(2 * [len(example.input_ids) for example in examples])
    assert max(map(len, rows["input_ids"])) <= 64


def test_an_epoch_is_packed_before_the_next(tmp_path: Path) -> None:
    setup = setup_with(tmp_path, packing=True)
    examples = encode_records(setup, chats(9))
    rows = training_dataset(setup, examples)
    texts = [text for row in rows for text in split_row(row)]
    own = sorted(tuple(example.input_ids) for example in examples)
    assert sorted(texts[:9]) == own
    assert sorted(texts[9:]) == own
    assert set(rows.column_names) == {"input_ids", "labels", "seq_lengths"}


def split_row(row: dict[str, list[int]]) -> list[tuple[int, ...]]:
    """The records that a packed row holds."""
    ends = list(accumulate(row["seq_lengths"]))
    return [
        tuple(row["input_ids"][end - size : end])
        for end, size in zip(ends, row["seq_lengths"], strict=True)
    ]
