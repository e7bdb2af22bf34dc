"""Training on a base in 4 bits, where bitsandbytes is installed: it runs on a CPU."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lib.core.records import Record
from lib.train.adapters import merge
from tests.training import BASE, chats, same, setup_of, sft_trainer_of, weights_of

layers = pytest.importorskip("bitsandbytes.nn.modules")
pytestmark = pytest.mark.slow


def test_validation_changes_no_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor where bitsandbytes has a kernel of its own for it, as on a CPU with AVX-512's bf16.
    Without dropout: validation draws random numbers, too."""
    monkeypatch.setattr(layers, "has_avx512bf16", lambda: True)

    def tuned(name: str, val: list[Record]) -> dict[str, torch.Tensor]:
        setup = setup_of("qlora", tmp_path / name)
        lora = setup.params.lora.model_copy(update={"dropout": 0})
        params = setup.params.model_copy(update={"lora": lora})
        trainer = sft_trainer_of(replace(setup, params=params), val)
        return weights_of(merge(trainer, BASE, "qlora", tmp_path / name / "adapter"))

    assert same(tuned("validated", chats(3)), tuned("alone", []))
