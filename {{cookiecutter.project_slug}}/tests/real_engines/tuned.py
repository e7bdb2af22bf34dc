"""A project whose tuned model is the embedded base, for the tests with real engines."""

import shutil
from pathlib import Path

import pytest

from lib.core.params import BaseParams
from lib.core.records import write_records
from lib.model.loading import TUNED, deterministic, load_model
from lib.quantize.calibration import TRAIN_SPLIT
from lib.quantize.params import QuantizeParams
from tests.toy import CPU, chat

BASE = BaseParams(model="base", license="Apache-2.0", dtype="float32")


def lay_tuned(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Write models/tuned and the training split into `folder` and make it the current one."""
    shutil.copytree("base", folder / TUNED)
    patch.chdir(folder)
    deterministic(1, CPU)
    load_model(TUNED, "float32").save_pretrained(TUNED)
    write_records(
        TRAIN_SPLIT, [chat(f"票 {number}: my router is broken", "好") for number in range(40)]
    )


def params(scheme: str) -> QuantizeParams:
    """Few records: the tests are about the format."""
    return QuantizeParams.model_validate({"scheme": scheme, "calibration_records": 16, "seed": 1})
