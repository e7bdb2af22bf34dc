"""The page of a run and its headline numbers."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lib.evaluate.params import EvalParams
from lib.report.headline import headline
from stages.report import data_table, gain, quality_table, speed_picture, speed_table
from tests.reviewed import answers

PARAMS = EvalParams(bootstrap=200, seed=1)
QUALITY = {
    "primary": "exact_match",
    "score": 0.5,
    "exact_match": 0.5,
    "exact_match_low": 0.4,
    "exact_match_high": 0.6,
}
SYSTEM = {
    "golden": QUALITY,
    "test": QUALITY,
    "adversarial": {"unsafe_rate": 0.1, "over_refusal_rate": 0.0},
}
LOAD = {"ttft_ms_p50": 10.0, "e2e_ms_p95": 50.0, "output_tokens_per_s": 99.0}
BENCH = {
    "engine": "transformers",
    "tuned": {"bytes": 8_000_000, "concurrency_1": LOAD},
    "quantized": {"bytes": 2_000_000, "concurrency_1": LOAD},
}


@pytest.mark.parametrize(
    ("base", "tuned", "said"),
    [
        ("-" * 20, "+" * 20, "better"),
        ("+" * 20, "-" * 20, "worse"),
        ("+" * 20, "+" * 20, "no change"),
        ("-" + "+" * 19, "+" * 20, "inconclusive"),
    ],
)
def test_gain_knows_noise(base: str, tuned: str, said: str) -> None:
    systems = {"base": answers("", base), "tuned": answers("", tuned)}
    assert f": {said}. " in gain(systems, PARAMS, min_effect=0.01)


def test_without_base_the_report_goes_on() -> None:
    assert "No golden or test case was asked of base" in gain({"tuned": answers("+")}, PARAMS, 0.01)


def test_at_most_twelve_headline_numbers() -> None:
    systems = dict.fromkeys(("base", "tuned", "quantized"), SYSTEM)
    assert 0 < len(headline(systems, {"val_loss": 1.0, "train_loss": 2.0}, BENCH)) <= 12


def test_headline_quality_is_the_primary_metric() -> None:
    part = QUALITY | {"primary": "rouge_l", "score": 0.25}
    found = headline({"base": {}, "tuned": {"golden": part}}, {}, {})
    assert found == {"rouge_l_tuned": 0.25}


@pytest.mark.parametrize(
    ("train", "loss"),
    [
        ({"train_loss": 3.0}, 3.0),
        ({"train_loss": 3.0, "val_loss": 2.0}, 2.0),
        ({"train_loss": 3.0, "val_loss": 2.0, "preference_val_loss": 1.0}, 1.0),
    ],
)
def test_the_loss_is_that_of_what_was_trained_last(train: dict[str, float], loss: float) -> None:
    assert headline({"tuned": {}}, train, {}) == {"val_loss": loss}


def test_nothing_else_adds_columns_to_dvc_exp_show() -> None:
    stages = YAML(typ="safe").load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]
    shown = [list(one) for stage in stages.values() for one in stage.get("metrics", [])]
    assert shown == [["metrics.json"]]


def test_quality_is_that_of_the_primary_score() -> None:
    quality = {"score": 0.7, "score_low": 0.6, "score_high": 0.8}
    lines = quality_table({"base": {}, "tuned": {"golden": quality}}, "field_f1")
    assert lines[0].split(" | ")[1].strip() == "golden field f1"
    assert "70.0% (60.0% to 80.0%) | no cases" in lines[3]


def test_speed_table_shows_each_model_at_each_load() -> None:
    assert [line.split("|")[1].strip() for line in speed_table(BENCH)[2:]] == ["tuned", "quantized"]


def test_speed_and_memory_of_training_are_a_picture() -> None:
    picture = speed_picture([{"step": 1, "tokens_per_second": 800, "memory_bytes": 3e9}])
    assert "Training tokens/s" in picture
    assert "Peak memory, GB" in picture


def test_rare_reasons_are_summed_up() -> None:
    dropped = {name: count for count, name in enumerate("abcdef", start=1)}
    metrics = {"rows_in": 30, "rows_kept": 9, "dropped": dropped}
    assert "6 f, 5 e, 4 d, 3 c, 3 for 2 other reasons" in data_table({"curate": metrics})[2]
