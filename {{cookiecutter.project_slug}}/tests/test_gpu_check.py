"""`make gpu-check`: its parts that need no GPU."""

import sys

import pytest
import torch

from lib.runtime.errors import UserError
from tests import gpu_check, gpu_training

pytestmark = pytest.mark.slow


def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu_check"])
    with pytest.raises(UserError, match="torch sees no GPU here"):
        gpu_check.main()


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA L4", 121e12),
        ("NVIDIA L40S", None),
        ("NVIDIA GeForce RTX 4090", 165e12),
    ],
)
def test_peak_by_the_name_of_the_gpu(name: str, peak: float | None) -> None:
    assert gpu_training.peak_of(name) == peak


def test_a_toy_run_fills_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu_check", "--tiny"])
    whole = gpu_check.checks
    some = ("packing, LoRA, short records", "resume, DPO", "quantize to w4a16, toy Qwen3")

    def broken() -> str:
        raise RuntimeError("a kernel is missing\nand more")

    monkeypatch.setattr(
        gpu_check,
        "checks",
        lambda *to: {"broken": broken} | {name: whole(*to)[name] for name in some},
    )
    with pytest.raises(SystemExit):
        gpu_check.main()
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert rows[2].startswith("| broken | BROKEN: RuntimeError: a kernel is missing |")
    assert "tokens/s" in rows[3]
    assert rows[4].startswith(
        "| resume, DPO | a second run: the same bits; resumed: the same bits |"
    )
    assert "of the bytes, largest layer error 0." in rows[5]
