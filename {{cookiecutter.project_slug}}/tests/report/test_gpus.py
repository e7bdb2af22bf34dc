"""Hours of a training on GPUs by name, and what they cost."""

from dataclasses import replace

import pytest

from lib.report.gpus import STARTS, UTILISATION, gpu_hours, hours_in_words
from lib.train.estimate import operations, report_estimate
from tests.train.test_estimate import LOAD, SEVEN_B


def test_only_gpus_that_hold_it_are_named() -> None:
    light = replace(SEVEN_B, trainable=40_000_000)
    assert "L4 24 GB" in gpu_hours(report_estimate(light, {"sft": replace(LOAD, batch_size=1)}))
    assert gpu_hours(report_estimate(SEVEN_B, {"sft": LOAD})).keys() == {"H200 141 GB"}


def test_a_gpu_waits_for_python_where_a_step_is_small() -> None:
    small = replace(SEVEN_B, parameters=1_000_000, trainable=1_000_000)
    hours = gpu_hours(report_estimate(small, {"sft": replace(LOAD, passes=36_000)}))["H200 141 GB"]
    assert hours == pytest.approx(10 * 32 * STARTS * 1.5)
    assert gpu_hours(report_estimate(SEVEN_B, {"sft": LOAD}))["H200 141 GB"] == pytest.approx(
        operations(SEVEN_B, LOAD) / (989e12 * UTILISATION) / 3600, abs=1e-4
    )


def test_what_is_not_told_in_hours() -> None:
    hours = {"L4 24 GB": 0.001, "H200 141 GB": 2.0}
    assert hours_in_words({"L4 24 GB": 1e-4}, {"L4 24 GB": 0.8}).endswith("for less than 0.01")
    assert hours_in_words(hours, {"H200 141 GB": 2.5}) == (
        "L4 24 GB about a minute or less, H200 141 GB 2 h for 5.00"
    )
