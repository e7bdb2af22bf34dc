"""The model card is one that the hub's own library reads, and holds what is known."""

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from lib.core.params import BaseParams, TaskParams
from lib.report.card_results import read_results, with_results
from lib.report.model_card import Data, sum_up_data, training_card
from lib.runtime.files import write_json
from tests.toy import JSON_TASK, chat, train_params

BASE = BaseParams(model="Qwen/Qwen3-0.6B", revision="c1899de2" * 5, license="Apache-2.0")
DATA = Data({"data/split/train.jsonl": "abc123"}, {"zh": 3, "en": 1}, ["CC0-1.0"])
METRICS = {"records": 4, "val_loss": 0.123456789}
RESULTS: dict[str, Any] = {
    "base": {"golden": {"exact_match": 0.1}, "adversarial": {"unsafe_rate": 0.0}},
    "tuned": {
        "golden": {"exact_match": 0.75, "exact_match_low": 0.7, "exact_match_high": 0.8},
        "adversarial": {"unsafe_rate": 0.0},
    },
}


def card(base: BaseParams = BASE, task: TaskParams = JSON_TASK) -> str:
    return training_card(base, train_params("lora"), task, DATA, METRICS)


def test_front_matter_is_what_the_hub_takes() -> None:
    data = ModelCard(card()).data.to_dict()
    assert data["license"] == "apache-2.0"
    assert data["base_model"] == "Qwen/Qwen3-0.6B"
    assert data["language"] == ["zh", "en"]
    assert data["library_name"] == "transformers"


def test_a_base_in_a_folder_has_no_name_on_the_hub() -> None:
    folder = BASE.model_copy(update={"model": "base", "revision": None})
    assert "base_model" not in ModelCard(card(folder)).data.to_dict()


@pytest.mark.parametrize(
    "line",
    [
        "abc123  data/split/train.jsonl",
        "zh 3, en 1",
        "Licenses of the records: CC0-1.0",
        "| `lora.rank`",
        "| `val_loss` | 0.123457 |",
        "`intent`: refund, setup; `urgency`: any text",
        "Not in this card",
    ],
)
def test_card_says(line: str) -> None:
    assert line in card()


def test_card_holds_no_unused_section() -> None:
    assert "preference." not in card()


def test_describe_counts_what_is_trained_on() -> None:
    records = [chat("a", language="en"), chat("b", language="zh", license="MIT"), chat("c")]
    assert sum_up_data({}, records) == Data({}, {"en": 1, "zh": 1}, ["CC0-1.0", "MIT"])


def test_results_stand_in_front_matter_and_text() -> None:
    packed = with_results(card(), "triage-中", "tuned", RESULTS)
    data: Any = ModelCard(packed).data
    assert [(one.dataset_type, one.metric_value) for one in data.eval_results] == [("golden", 0.75)]
    assert "| **tuned** (this model) | 75.0% (70.0% to 80.0%) |" in packed
    assert "Not in this card" not in packed


def test_the_primary_score_is_shown_by_its_name() -> None:
    scored = {"score": 0.5, "score_low": 0.4, "score_high": 0.6, "primary": "rouge_l"}
    results = {"tuned": {"test": RESULTS["tuned"]["golden"] | scored, "prompts": {"engine": "hf"}}}
    packed = with_results(card(), "triage", "tuned", results)
    data: Any = ModelCard(packed).data
    assert [(one.metric_type, one.metric_value) for one in data.eval_results] == [("rouge_l", 0.5)]
    assert "| **tuned** (this model) | 50.0% (40.0% to 60.0%) |" in packed


def test_results_added_twice_are_there_once() -> None:
    once = with_results(card(), "triage", "tuned", RESULTS)
    assert with_results(once, "triage", "tuned", RESULTS) == once


def test_results_are_read_by_system(tmp_path: Path) -> None:
    for name, result in RESULTS.items():
        write_json(tmp_path / f"{name}.json", result)
    assert read_results(tmp_path) == RESULTS
