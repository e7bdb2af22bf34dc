"""The training plan says what the artifacts say, and nothing that changes between two runs."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from lib.runtime.errors import UserError
from lib.runtime.files import sha256, write_json
from lib.train.estimate import Load, Shape, report
from lib.train.params import TrainParams
from stages import training_plan
from tests.toy import GATE, leakage_report, train_params

SHAPE = Shape(7_000_000, 70_000, 2, 64, 1000, 4, 7_000, checkpointing=False)
LOAD = Load(tokens=1000, longest=50, batch_size=4, steps=9, passes=9)
USED: dict[str, Any] = {"records": 50, "tokens": 900, "steps": 8, "val_loss": 0.25}
USED |= {"preference_tokens": 180, "preference_steps": 2}
TIMES = {"seconds": 12.5, "tokens_per_second": 777, "peak_memory_bytes": 999_888_777}
SECTIONS = (
    """
task: {system: "分类 | 票", output: text}
base: {model: base, license: Apache-2.0}
hardware: {device: cpu, threads: 2}
"""
    + GATE
    + "train: "
)


def plan() -> str:
    training_plan.main()
    return Path("reports/training_plan.md").read_text(encoding="utf-8")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The plan of a DPO run."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(SECTIONS + train_params("dpo").model_dump_json(), "utf-8")
    write_json("metrics/train.json", USED | TIMES)
    phases = {"sft": LOAD, "dpo": Load(200, 60, 4, 3, 3, texts=2, reference=True)}
    write_json("reports/estimate.json", report(SHAPE, phases))
    write_json("reports/leakage.json", leakage_report({"data/split/train.jsonl": "abc"}))
    write_json("base/config.json", {})
    write_json("models/tuned/model.safetensors", {})
    return plan()


@pytest.mark.parametrize(
    "line",
    [
        "分类 \\| 票",
        "Rafailov et al.",
        "Here after supervised fine-tuning on the chats; what learns: adapters",
        "`reports/verdict.md`",
        "| `train.lora.rank` ",
        "| tokens        | 1,000     | 900       |",
        "| tokens a step | 111       | 112       |",
        "| steps         | 9         | 8         |",
        "operations in 3 steps",
        "| steps         | 3         | 2         |",
        "None is exported: the second learns on top of the first",
        "| `val_loss`          | 0.25  |",
        "One every 2 steps",
        "Kept are the weights of the last step; training ends after its epochs.",
        "Seed 1 draws",
        "abc  data/split/train.jsonl",
    ],
)
def test_page_says(line: str, page: str) -> None:
    assert line in page


def test_cost_is_of_hours_on_a_named_gpu(page: str) -> None:
    hours = json.loads(Path("reports/estimate.json").read_text(encoding="utf-8"))["gpu_hours"]
    assert f"L4 24 GB about a minute or less for {1e6 * hours['L4 24 GB']:.2f}, RTX" in page
    params = Path("params.yaml").read_text(encoding="utf-8").replace("L4 24 GB", "M1")
    Path("params.yaml").write_text(params, encoding="utf-8")
    with pytest.raises(UserError, match="M1 is none of the GPUs"):
        plan()


def test_hashes_are_those_of_the_files(page: str) -> None:
    for path in ("base/config.json", "models/tuned/model.safetensors"):
        assert f"{sha256(path)}  {path}\n" in page


def test_timings_and_memory_change_nothing(page: str) -> None:
    write_json("metrics/train.json", USED | dict.fromkeys(TIMES, 1))
    assert plan() == page


def test_every_method_says_why() -> None:
    assert set(get_args(TrainParams.model_fields["method"].annotation)) == set(training_plan.WHY)


def test_kernels_in_any_order_promise_no_bits(page: str) -> None:
    assert "ends in the same bits" in page
    text = Path("params.yaml").read_text(encoding="utf-8")
    any_order = text.replace("device: cpu", "device: gpu, deterministic: false")
    Path("params.yaml").write_text(any_order, encoding="utf-8")
    changed = plan()
    assert "ends in the same bits" not in changed
    assert "the last digits differ from run to run" in changed
