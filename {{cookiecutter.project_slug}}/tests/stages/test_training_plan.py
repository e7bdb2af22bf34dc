"""The training plan says what the artifacts say, and nothing that changes between two runs."""

from pathlib import Path
from typing import Any, get_args

import pytest

from lib.core.records import write_records
from lib.report.gpus import gpu_hours
from lib.runtime.errors import UserError
from lib.runtime.files import read_json, sha256, write_json
from lib.train.estimate import Load, report_estimate
from lib.train.model_shape import ModelShape
from lib.train.params import TrainParams
from stages import training_plan
from stages.training_plan import TRAINED_ON
from tests.toy import GATE, chat, leakage_report, pair, train_params

SHAPE = ModelShape(7_000_000, 70_000, 2, 64, 1000, 4, 7_000, checkpointing=False)
LOAD = Load(tokens=1000, longest=50, batch_size=4, steps=9, passes=9)
USED: dict[str, Any] = {"records": 50, "tokens": 900, "steps": 8, "val_loss": 0.25}
USED |= {"preference_tokens": 180, "preference_steps": 2}
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
    write_json("metrics/train.json", USED)
    phases = {"sft": LOAD, "dpo": Load(200, 60, 4, 3, 3, texts=2, reference=True)}
    write_json("logs/train/estimate.json", report_estimate(SHAPE, phases))
    write_records(Path(TRAINED_ON[0]), [chat("票", language="zh"), pair("票", "yes", "no")])
    write_records(Path(TRAINED_ON[1]), [])
    write_json("reports/leakage.json", leakage_report({"data/split/train.jsonl": "abc"}))
    write_json("base/config.json", {})
    write_json("models/tuned/model.safetensors", {})
    return plan()


@pytest.mark.parametrize(
    "line",
    [
        "分类 \\| 票",
        "Rafailov et al.",
        "Here after supervised fine-tuning on the chats; trained: adapters",
        "`reports/verdict.md`",
        "| `train.lora.rank` ",
        "| tokens          | 1,000     | 900       |",
        "| tokens per step | 111       | 112       |",
        "| steps           | 9         | 8         |",
        "operations in 3 steps",
        "| steps           | 3         | 2         |",
        "No adapter is exported: the second is trained on top of the first",
        "| `val_loss`          | 0.25  |",
        "One every 2 steps",
        "The weights of the last step are kept; training ends after its epochs.",
        "Seed 1 draws",
        "abc  data/split/train.jsonl",
    ],
)
def test_page_says(line: str, page: str) -> None:
    assert line in page


def test_cost_is_of_hours_on_a_named_gpu(page: str) -> None:
    hours = gpu_hours(read_json("logs/train/estimate.json"))
    assert f"L4 24 GB about a minute or less for {1e6 * hours['L4 24 GB']:.2f}, RTX" in page
    params = Path("params.yaml").read_text(encoding="utf-8").replace("L4 24 GB", "M1")
    Path("params.yaml").write_text(params, encoding="utf-8")
    with pytest.raises(UserError, match="M1: not one of the known GPUs"):
        plan()


def test_hashes_are_those_of_the_files(page: str) -> None:
    for path in ("base/config.json", "models/tuned/model.safetensors"):
        assert f"{sha256(path)}  {path}\n" in page


def test_the_card_is_written_from_what_training_left(page: str) -> None:
    card = Path("reports/model_card.md").read_text(encoding="utf-8")
    assert f"{sha256(TRAINED_ON[0])}  {TRAINED_ON[0]}\n" in card
    assert "by language: zh 1." in card
    assert "| `val_loss`          | 0.25  |" in card


def test_another_license_is_checked_again_without_a_training(page: str) -> None:
    params = Path("params.yaml").read_text(encoding="utf-8").replace("Apache-2.0", "CC-BY-NC-4.0")
    Path("params.yaml").write_text(params, encoding="utf-8")
    with pytest.raises(UserError, match="does not allow commercial use"):
        plan()


def test_every_method_says_why() -> None:
    assert set(get_args(TrainParams.model_fields["method"].annotation)) == set(training_plan.WHY)


def test_kernels_in_any_order_promise_no_bits(page: str) -> None:
    assert "ends with the same bits" in page
    text = Path("params.yaml").read_text(encoding="utf-8")
    any_order = text.replace("device: cpu", "device: gpu, deterministic: false")
    Path("params.yaml").write_text(any_order, encoding="utf-8")
    changed = plan()
    assert "ends with the same bits" not in changed
    assert "the last digits differ between runs" in changed


def test_a_training_that_learnt_nothing_is_named(page: str) -> None:
    assert "learnt" not in page.split("##")[1]
    told = {"few_steps": True, "learnt": False, "val_loss_before": 0.25}
    write_json("metrics/train.json", USED | told)
    assert "0.25; 0.25 before the first step" in plan()
    assert "**nothing**: the model equals its base" in plan()
    assert "8: too few to learn much" in plan()
